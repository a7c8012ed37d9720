using CsCheck;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Core.State;

/// <summary>
/// An id that carries its time is remembered, or certainly new, or refused: whatever was forgotten, and whatever the
/// clocks of clients and primaries say, it is never applied twice.
/// </summary>
public sealed class TimedRequestIdsTests
{
    private const long Start = 1_700_000_000_000;
    private const long Minute = 60_000;
    private KeyValueState _state = new(StateImage.Empty);
    private long _index;

    [Fact]
    public void Within_its_window_a_timed_id_gets_the_first_answer()
    {
        var first = Apply(Put("k", "one", Start, id: TimedId(Start)));
        Apply(Put("k", "two", Start));

        Assert.Equal(first with { IsReplay = true }, Apply(Put("k", "one", Start + 1, id: TimedId(Start))));
        Assert.Equal(WriteStatus.RequestIdReused, Apply(Put("k", "x", Start + 1, id: TimedId(Start))).Status);
    }

    [Fact]
    public void After_its_window_a_timed_id_is_refused_and_changes_nothing()
    {
        Apply(Put("k", "one", Start, id: TimedId(Start)));
        Advance(seconds: 600);
        Assert.True(_state.Remembers(TimedId(Start)));
        Advance(seconds: 1);
        Assert.False(_state.Remembers(TimedId(Start)));
        var (version, requests) = (_state.Image.Find("k"u8)!.Version, _state.Image.Requests.Count);

        foreach (var command in new Command[]
        {
            Put("k", "one", Now, id: TimedId(Start)),
            Delete("k", Now, id: TimedId(Start)),
            Put("k", "one", Now, new Condition.Exists(), TimedId(Start)),
        })
            Assert.Equal(new WriteResult(WriteStatus.RequestIdExpired, KeyVersion.None, false), Apply(command));
        Assert.Equal((version, requests), (_state.Image.Find("k"u8)!.Version, _state.Image.Requests.Count));
    }

    /// <summary>It may be the first that is sent late; nobody can tell it from one that was forgotten.</summary>
    [Fact]
    public void As_old_as_one_that_was_forgotten_is_too_old_and_a_moment_later_is_not()
    {
        Apply(Put("k", "one", Start, id: TimedId(Start + 5)));
        Advance(seconds: 601);

        Assert.Equal(WriteStatus.RequestIdExpired, Apply(Put("k", "v", Now, id: TimedId(Start, 1))).Status);
        Assert.Equal(WriteStatus.RequestIdExpired, Apply(Put("k", "v", Now, id: TimedId(Start + 5, 1))).Status);
        Assert.Equal(WriteStatus.Replaced, Apply(Put("k", "v", Now, id: TimedId(Start + 6, 1))).Status);
    }

    [Fact]
    public void What_the_limit_pushed_out_is_refused_too()
    {
        _state = Small(limit: 3);
        for (ulong number = 1; number <= 5; number++)
            Apply(Put("k", "v", Start, id: TimedId(Start + (long)number, number)));

        Assert.False(_state.Remembers(TimedId(Start + 1, 1)));
        Assert.Equal(WriteStatus.RequestIdExpired, Apply(Put("k", "v", Start, id: TimedId(Start + 1, 1))).Status);
        Assert.True(Apply(Put("k", "v", Start, id: TimedId(Start + 5, 5))).IsReplay);
    }

    /// <summary>Who was forgotten first need not be who made its id first.</summary>
    [Fact]
    public void The_horizon_is_the_latest_time_that_was_forgotten_and_never_falls()
    {
        _state = Small(limit: 1);
        Apply(Put("k", "v", Start, id: TimedId(Start + 70)));
        Apply(Put("k", "v", Start, id: TimedId(Start + 50)));    // made earlier, and new all the same
        Apply(Delete("other", Start));
        Assert.Equal(Start + 70, _state.Image.Requests.HorizonMs);
        Assert.True(Apply(Put("k", "v", Start, id: TimedId(Start + 50))).IsReplay);
        Apply(Put("k", "v", Start, id: TimedId(Start + 80)));
        Apply(Delete("other", Start));

        Assert.False(_state.Remembers(TimedId(Start + 50)));
        Assert.Equal(Start + 70, _state.Image.Requests.HorizonMs);
        Assert.Equal(WriteStatus.RequestIdExpired, Apply(Put("k", "v", Start, id: TimedId(Start + 60))).Status);
    }

    [Fact]
    public void Names_and_hops_move_no_horizon_and_are_refused_by_none()
    {
        _state = Small(limit: 1);
        for (ulong number = 1; number <= 5; number++)
        {
            Apply(Put("k", "v", Start, id: ClientId(number)));
            Apply(Put("k", "v", Start, id: HopId(number)));
        }

        Assert.Equal(0, _state.Image.Requests.HorizonMs);
        Apply(Put("k", "v", Start, id: TimedId(Start, 1)));
        Apply(Put("k", "v", Start, id: TimedId(Start, 2)));
        Apply(Put("k", "v", Start));
        Assert.Equal(Start, _state.Image.Requests.HorizonMs);
        Assert.Equal(WriteStatus.Replaced, Apply(Put("k", "v", Start, id: ClientId(1))).Status);
        Assert.Equal(WriteStatus.Replaced, Apply(Put("k", "v", Start, id: HopId(1))).Status);
    }

    [Fact]
    public void An_image_carries_the_horizon_and_its_hash_tells_of_it()
    {
        Apply(Put("k", "one", Start, id: TimedId(Start)));
        Advance(seconds: 601);
        var image = StateImage.Decode(_state.Image.Encode());
        Assert.Equal(_state.Image.Hash(), image.Hash());
        _state = new KeyValueState(image);

        Assert.Equal(WriteStatus.RequestIdExpired, Apply(Put("k", "one", Now, id: TimedId(Start))).Status);
        var other = image.Encode().Select(block => block.ToArray()).ToArray();
        other[0][^17] ^= 0x40;    // before index and closed buckets
        var changed = StateImage.Decode([.. other.Select(block => new ReadOnlyMemory<byte>(block))]);
        Assert.NotEqual(image.Hash(), changed.Hash());
    }

    [Fact]
    public void A_replica_that_takes_over_refuses_the_same()
    {
        KeyValueState backup = new(StateImage.Empty);
        for (var second = 0; second <= 601; second++)
        {
            var payload = CommandFormat.Encode(
                Put("k", "v", Start + (second * 1000), id: TimedId(Start + second, (ulong)second)));
            var position = new LogIndex(++_index);
            _state.Apply(position, new Term(1), payload);
            backup.Apply(position, new Term(1), payload);
        }

        // to a primary whose clock is slow
        var retry = CommandFormat.Encode(Put("k", "v", Start, id: TimedId(Start)));
        Assert.Equal(WriteStatus.RequestIdExpired, backup.Apply(new LogIndex(900), new Term(2), retry).Status);
        Assert.Equal(WriteStatus.RequestIdExpired, _state.Apply(new LogIndex(900), new Term(2), retry).Status);
        Assert.Equal(_state.Image.Hash(), backup.Image.Hash());
    }

    [Fact]
    public void More_than_a_minute_ahead_is_refused_and_not_remembered()
    {
        Apply(Put("k", "v", Start));
        Assert.Equal(WriteStatus.RequestIdAhead, Apply(Put("k", "w", Start, id: TimedId(Start + Minute + 1))).Status);
        Assert.False(_state.Remembers(TimedId(Start + Minute + 1)));
        Assert.Equal(new LogIndex(1), _state.Image.Find("k"u8)!.Version.Index);

        Assert.Equal(WriteStatus.Replaced, Apply(Put("k", "w", Start, id: TimedId(Start + Minute))).Status);
        Assert.Equal(
            WriteStatus.Replaced, Apply(Put("k", "w", Start + 1, id: TimedId(Start + Minute + 1))).Status);
    }

    /// <summary>What counts is the log's time after the command, also where a fast primary has moved it.</summary>
    [Fact]
    public void Ahead_is_measured_by_log_time_and_not_by_one_primarys_clock()
    {
        Apply(Put("k", "v", Start + (5 * Minute)));
        Assert.Equal(WriteStatus.Replaced, Apply(Put("k", "w", Start, id: TimedId(Start + (6 * Minute)))).Status);
    }

    /// <summary>The farthest future that a UUID can name does no harm to others.</summary>
    [Fact]
    public void A_client_whose_clock_is_far_ahead_gets_no_other_client_refused()
    {
        const long Latest = (1L << 48) - 1;
        _state = Small(limit: 2);
        for (ulong number = 1; number <= 20; number++)
        {
            Apply(Put("k", "fast", Start, id: TimedId(Latest, number)));
            Apply(Put("k", "fast", Start, id: TimedId(Start + (60 * Minute), number)));
            var now = Start + (long)number;
            var status = Apply(Put("k", "right", now, id: TimedId(now, number))).Status;
            Assert.True(status is WriteStatus.Created or WriteStatus.Replaced, $"{number}: {status}");
        }
    }

    /// <summary>A clock that is slow by an hour is refused only when others' ids were forgotten since.</summary>
    [Fact]
    public void A_client_whose_clock_is_slow_is_served_until_later_ids_are_forgotten()
    {
        Apply(Put("k", "v", Start, id: TimedId(Start)));
        Assert.Equal(WriteStatus.Replaced, Apply(Put("k", "w", Start, id: TimedId(Start - (60 * Minute)))).Status);
        Assert.True(Apply(Put("k", "w", Start, id: TimedId(Start - (60 * Minute)))).IsReplay);
        Advance(seconds: 602);
        Assert.Equal(WriteStatus.RequestIdExpired, Apply(Put("k", "x", Now, id: TimedId(Start - 1, 2))).Status);
    }

    /// <summary>
    /// Ids of few moments, in any order, with windows so small that nearly all are forgotten, and restarts in between.
    /// </summary>
    [Fact]
    public void No_timed_id_is_applied_twice_whatever_comes_between() => Gen.Select(
        Gen.Select(Gen.Int[1, 5], Gen.Long[0, 5000]),
        Gen.Select(Gen.Long[-3000, 63_000], Gen.ULong[0, 1], Gen.Long[-2000, 3000], Gen.Int[0, 9]).Array[0, 300])
        .Sample((limits, steps) =>
        {
            RequestMemory memory = new() { Limit = limits.Item1, ClientWindowMs = limits.Item2 };
            KeyValueState state = new(StateImage.Empty, memory);
            Dictionary<RequestId, WriteResult> applied = [];
            long clock = Start;
            for (var at = 1; at <= steps.Length; at++)
            {
                var (lead, number, passed, kind) = steps[at - 1];
                clock += passed;
                if (kind == 0)
                    state = new KeyValueState(StateImage.Decode(state.Image.Encode()), memory);
                // by tens of seconds, so that ids meet again; an old one every now and then
                var id = kind == 1 && applied.Count > 0
                    ? applied.Keys.ElementAt((int)(number * 7919) % applied.Count)
                    : TimedId((clock + lead) / 10_000 * 10_000, number);
                var before = state.Image;
                var result = state.Apply(
                    new LogIndex(at), new Term(1), CommandFormat.Encode(Put("k", $"{id}", clock, id: id)));
                AssertOneOfThree(applied, id, result, before, state.Image);
            }
        }, iter: 2000);

    private static void AssertOneOfThree(
        Dictionary<RequestId, WriteResult> applied,
        RequestId id,
        WriteResult result,
        StateImage before,
        StateImage after)
    {
        var isChanged = before.Find("k"u8)?.Version != after.Find("k"u8)?.Version;
        switch (result)
        {
            case { IsReplay: true }:
                Assert.Equal(applied[id], result with { IsReplay = false });
                Assert.False(isChanged);
                break;
            case { Status: WriteStatus.RequestIdExpired }:
                Assert.True(id.TimeMs <= applied.Keys.Max(other => other.TimeMs));
                Assert.False(isChanged);
                break;
            case { Status: WriteStatus.RequestIdAhead }:
                Assert.True(id.TimeMs > after.TimeMs + Minute);
                Assert.DoesNotContain(id, applied.Keys);
                Assert.False(isChanged);
                break;
            default:
                Assert.True(applied.TryAdd(id, result with { Entry = null }), $"{id} was applied twice.");
                Assert.True(isChanged);
                break;
        }
    }

    private long Now => _state.Image.TimeMs;

    private static KeyValueState Small(int limit) => new(StateImage.Empty, new RequestMemory { Limit = limit });

    /// <summary>One write each second, to nothing.</summary>
    private void Advance(int seconds)
    {
        for (var second = 0; second < seconds; second++)
            Apply(Delete("other", Now + 1000));
    }

    private WriteResult Apply(Command command) =>
        _state.Apply(new LogIndex(++_index), new Term(1), CommandFormat.Encode(command)) with { Entry = null };
}
