using KvStore.Core.Primitives;
using KvStore.Core.State;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Core.State;

/// <summary>A retry is applied at most once, as long as its id is remembered; and ids are forgotten.</summary>
public sealed class RememberedRequestsTests
{
    private const long Start = 1_700_000_000_000;
    private KeyValueState _state = new(StateImage.Empty);
    private long _index;

    [Fact]
    public void A_replay_gets_the_first_answer_and_changes_nothing()
    {
        var first = Apply(Put("k", "one", Start, id: ClientId(1)));
        Apply(Put("k", "two", Start + 5));

        Assert.Equal(first with { IsReplay = true }, Apply(Put("k", "one", Start + 10, id: ClientId(1))));
        Assert.Equal(new LogIndex(2), _state.Image.Find("k"u8)!.Version.Index);
        Assert.Equal(1, _state.Image.Requests.Count);
    }

    [Fact]
    public void A_refusal_and_a_miss_are_first_answers_too()
    {
        var refused = Apply(Put("k", "one", Start, new Condition.Exists(), ClientId(1)));
        var missed = Apply(Delete("k", Start, id: ClientId(2)));
        Apply(Put("k", "there now", Start));

        Assert.Equal(
            refused with { IsReplay = true }, Apply(Put("k", "one", Start, new Condition.Exists(), ClientId(1))));
        Assert.Equal(missed with { IsReplay = true }, Apply(Delete("k", Start, id: ClientId(2))));
        Assert.NotNull(_state.Image.Find("k"u8));
    }

    [Fact]
    public void An_id_with_another_request_is_a_mismatch_and_leaves_the_first_answer()
    {
        var first = Apply(Put("k", "one", Start, id: ClientId(1)));

        Assert.Equal(WriteStatus.RequestIdReused, Apply(Put("k", "other", Start, id: ClientId(1))).Status);
        Assert.Equal(WriteStatus.RequestIdReused, Apply(Delete("k", Start, id: ClientId(1))).Status);
        Assert.Equal(first with { IsReplay = true }, Apply(Put("k", "one", Start, id: ClientId(1))));
    }

    [Fact]
    public void Ids_of_clients_and_of_hops_are_apart_even_when_their_hashes_are_not()
    {
        Assert.Equal(WriteStatus.Created, Apply(Put("k", "one", Start, id: ClientId(1))).Status);
        Assert.Equal(WriteStatus.Replaced, Apply(Put("k", "two", Start, id: HopId(1))).Status);
    }

    [Fact]
    public void A_clients_id_is_remembered_for_ten_minutes_and_a_hops_for_two()
    {
        Apply(Put("k", "one", Start, id: ClientId(1)));
        Apply(Put("k", "one", Start, id: HopId(1)));
        for (var second = 1; second <= 120; second++)
            Apply(Delete("other", Start + (second * 1000)));
        Assert.True(_state.Remembers(HopId(1)));
        Apply(Delete("other", Start + 121_000));
        Assert.False(_state.Remembers(HopId(1)));
        for (var second = 122; second <= 600; second++)
            Apply(Delete("other", Start + (second * 1000)));
        Assert.True(_state.Remembers(ClientId(1)));
        Apply(Delete("other", Start + 601_000));
        Assert.False(_state.Remembers(ClientId(1)));
        Assert.Equal(WriteStatus.Replaced, Apply(Put("k", "one", Start + 601_000, id: ClientId(1))).Status);
    }

    /// <summary>
    /// The write reached a primary that died; its retry reaches one whose clock is an hour ahead, after other writes
    /// did. Safety needs no clock: it must not be applied again over what came between.
    /// </summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(50)]
    public void A_primary_whose_clock_is_ahead_forgets_nothing_at_once(int writesBetween)
    {
        const long Ahead = 60 * 60 * 1000;
        Apply(Put("k", "mine", Start, id: HopId(1)));
        Apply(Put("k", "yours", Start + 1));
        for (var between = 0; between < writesBetween; between++)
            Apply(Put($"other {between}", "", Start + Ahead + between, id: HopId(100 + (ulong)between)));

        Assert.True(Apply(Put("k", "mine", Start + Ahead + 100, id: HopId(1))).IsReplay);
        Assert.Equal(new LogIndex(2), _state.Image.Find("k"u8)!.Version.Index);
    }

    [Fact]
    public void Silence_is_not_held_against_what_is_remembered()
    {
        Apply(Put("k", "one", Start, id: ClientId(1)));
        Assert.True(Apply(Put("k", "one", Start + (24 * 60 * 60 * 1000), id: ClientId(1))).IsReplay);
    }

    [Fact]
    public void A_clock_that_falls_back_forgets_nothing()
    {
        Apply(Put("k", "one", Start, id: HopId(1)));
        for (var at = 0; at < 1000; at++)
            Apply(Delete("other", Start - (at * 1000)));
        Assert.True(_state.Remembers(HopId(1)));
    }

    [Fact]
    public void What_is_too_old_goes_a_few_at_a_time_the_oldest_first()
    {
        for (ulong number = 1; number <= 20; number++)
            Apply(Put("k", "v", Start, id: HopId(number)));
        Advance(121);    // to the moment before any goes
        var before = _state.Image.Requests.Count;
        Apply(Delete("other", Start + 122_000));

        Assert.Equal(before - 4, _state.Image.Requests.Count);
        Assert.Equal(
            Enumerable.Range(1, 20).Select(number => number > 20 - before + 4),
            Enumerable.Range(1, 20).Select(number => _state.Remembers(HopId((ulong)number))));
    }

    [Fact]
    public void An_image_carries_what_is_remembered()
    {
        var first = Apply(Put("k", "one", Start, id: ClientId(1)));
        Apply(Put("k", "two", Start, id: HopId(2)));
        _state = new KeyValueState(StateImage.Decode(_state.Image.Encode()));

        Assert.Equal(first with { IsReplay = true }, Apply(Put("k", "one", Start, id: ClientId(1))));
        Assert.True(Apply(Put("k", "two", Start, id: HopId(2))).IsReplay);
        Advance(122);
        Assert.False(_state.Remembers(HopId(2)));
        Assert.True(_state.Remembers(ClientId(1)));
    }

    /// <summary>Each kind has its own bound, and the oldest go first.</summary>
    [Fact]
    public void The_number_of_ids_of_one_kind_is_bounded()
    {
        List<RequestId> ids = [];
        List<RememberedRequest> requests = [];
        for (ulong number = 1; number <= (ulong)RequestMemory.Default.Limit + 2; number++)
        {
            ids.Add(HopId(number));
            requests.Add(new RememberedRequest(1, WriteStatus.Created, KeyVersion.None, 0, new LogIndex((long)number)));
        }

        var full = RememberedRequests.FromOrdered(ids, requests, horizonMs: 0).With(
            ClientId(1), new RememberedRequest(1, WriteStatus.Created, KeyVersion.None, 0, new LogIndex(1)));
        var cut = full.Forget(0, RequestMemory.Default);

        Assert.Equal(RequestMemory.Default.Limit + 1, cut.Count);
        Assert.False(cut.TryFind(HopId(2), out _));
        Assert.True(cut.TryFind(HopId(3), out _));
        Assert.True(cut.TryFind(ClientId(1), out _));
        Assert.Same(cut, cut.Forget(0, RequestMemory.Default));
    }

    /// <summary>One write each second, to nothing, up to and with this one.</summary>
    private void Advance(int seconds)
    {
        for (var second = 1; second <= seconds; second++)
            Apply(Delete("other", Start + (second * 1000)));
    }

    private WriteResult Apply(Command command) =>
        _state.Apply(new LogIndex(++_index), new Term(1), CommandFormat.Encode(command)) with { Entry = null };
}
