using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Core.State;

/// <summary>Transactions over several partitions, as the partitions' states settle them.</summary>
public sealed class TransactionsTests
{
    private static readonly ImmutableArray<PartitionId> Both = [new(0), new(1)];

    private readonly KeyValueState[] _states = [new(StateImage.Empty), new(StateImage.Empty)];
    private readonly long[] _index = new long[2];

    [Fact]
    public void What_is_prepared_is_locked_and_done_when_it_is_decided()
    {
        Apply(0, Put("a", "10"));
        Apply(1, Put("b", "10"));
        var paid = Apply(0, Prepare(1, [Is("a", "10")], [Add("a", -3)]));
        Assert.Equal((WriteStatus.Prepared, 2L), (paid.Status, paid.Version.Index.Value));
        Assert.Equal([WriteStatus.Found, WriteStatus.Replaced], paid.Items.Select(item => item.Status));
        Assert.Equal(7, paid.Items[1].Number);
        var got = Apply(1, Prepare(1, [], [Add("b", 3)]));

        Assert.Equal(("10", "10"), (Text(0, "a"), Text(1, "b")));
        Assert.True(_states[0].Image.IsLocked(BucketId.Default, "a"u8.ToArray()));
        Assert.Equal(WriteStatus.Locked, Apply(0, Put("a", "99", id: ClientId(5))).Status);
        Assert.False(_states[0].Remembers(ClientId(5)));
        Assert.Equal(WriteStatus.Locked, Apply(0, Prepare(2, [Is("a", "10")], [PutOf("other", "x")])).Status);
        Assert.Equal(WriteStatus.Created, Apply(0, Put("free", "1")).Status);

        var decided = Apply(0, Decide(1, TransactionOutcome.Then, [.. paid.Items.Skip(1), .. got.Items]));
        Assert.Equal(WriteStatus.Succeeded, decided.Status);
        Assert.Equal(("7", "10"), (Text(0, "a"), Text(1, "b")));
        Assert.Equal([("a", KeyChangeKind.Put)], Changes(0));
        Apply(1, Finish(1, TransactionOutcome.Then));
        Assert.Equal(("7", "13"), (Text(0, "a"), Text(1, "b")));
        Assert.Equal(paid.Version, _states[0].Image.Find("a"u8)!.Version);
        Assert.False(_states[1].Image.HasOpenTransactions);
        Assert.True(_states[0].Image.HasOpenTransactions);
        Apply(0, new Command.Forget { TimeMs = 0, RequestId = HopId(1) });
        Assert.False(_states[0].Image.HasOpenTransactions);

        var again = Apply(0, Prepare(7, [Is("a", "10")], [Add("a", -3)]));
        Assert.Equal((WriteStatus.Succeeded, true), (again.Status, again.IsReplay));
        Assert.Equal([7L, 13L], again.Items.Select(item => item.Number));
        Assert.Equal(
            WriteStatus.RequestIdReused, Apply(0, Prepare(8, [], [Add("a", 1)]) with { Fingerprint = 2 }).Status);
    }

    /// <summary>Else a state that was restored would forget otherwise than one that was not.</summary>
    [Fact]
    public void One_name_stands_for_one_request_whatever_comes_together_under_it()
    {
        Apply(0, Prepare(7, [], [PutOf("a", "1")]));
        Assert.Equal(WriteStatus.Locked, Apply(0, Prepare(8, [], [PutOf("b", "1")])).Status);
        Assert.Equal(
            WriteStatus.RequestIdReused, Apply(0, Prepare(8, [], [PutOf("b", "1")]) with { Fingerprint = 2 }).Status);

        Assert.Equal(WriteStatus.Created, Apply(0, Put("c", "1", id: ClientId(1))).Status);
        Assert.Equal(WriteStatus.Aborted, Apply(0, Decide(7, TransactionOutcome.Then)).Status);
        Assert.Null(_states[0].Image.Find("a"u8));
        var restored = StateImage.Decode(_states[0].Image.Encode());
        Assert.Equal(_states[0].Image.Hash(), restored.Hash());
        Assert.Equal(_states[0].Image.Requests.ItemBytes, restored.Requests.ItemBytes);
        Assert.True(Apply(0, Put("c", "1", id: ClientId(1))).IsReplay);
    }

    [Fact]
    public void What_is_due_while_a_transaction_holds_it_is_seen_gone_by_nobody_who_may_see_it_come_back()
    {
        Apply(0, Put("k", "v", timeMs: 1000, ttl: Ttl.After(500)));
        Apply(0, Put("late", "v", timeMs: 1000, ttl: Ttl.After(100)));
        Apply(0, Prepare(1, [], []) with
        {
            TimeMs = 1400,
            Part = Part([], [new Operation.Touch { Key = "k"u8.ToArray() }, PutOf("late", "w")], []),
        });
        Assert.Equal([("late", KeyChangeKind.Expire)], Changes(0));
        Apply(0, new Command.Expire { TimeMs = 2000 });
        Assert.Empty(_states[0].Changes);
        Assert.NotNull(_states[0].Image.Find("k"u8));
        Assert.Equal(["k"], _states[0].Image.From(default).Select(pair => Encoding.UTF8.GetString(pair.Key.Span)));

        Apply(0, Decide(1, TransactionOutcome.Then));
        Assert.Equal(0, _states[0].Image.Find("k"u8)!.ExpiresMs);
        Apply(0, new Command.Expire { TimeMs = 3000 });
        Assert.Empty(_states[0].Changes);
    }

    [Fact]
    public void The_first_decision_counts_and_a_late_one_is_told_of_it()
    {
        Apply(0, Put("a", "10"));
        Apply(0, Prepare(1, [], [Add("a", -3)]));
        Assert.Equal(WriteStatus.Aborted, Apply(0, Decide(1, TransactionOutcome.Nothing)).Status);
        Assert.Equal("10", Text(0, "a"));
        Assert.Equal(WriteStatus.Aborted, Apply(0, Decide(1, TransactionOutcome.Then)).Status);
        Assert.Equal(WriteStatus.Aborted, Apply(0, Prepare(1, [], [Add("a", -3)])).Status);
        Assert.False(_states[0].Image.IsLocked(BucketId.Default, "a"u8.ToArray()));

        Assert.Equal(WriteStatus.Prepared, Apply(0, Prepare(2, [], [Add("a", -3)])).Status);
        Assert.Equal(WriteStatus.Succeeded, Apply(0, Decide(2, TransactionOutcome.Then)).Status);
        Assert.Equal(WriteStatus.Succeeded, Apply(0, Decide(2, TransactionOutcome.Nothing)).Status);
    }

    [Fact]
    public void Who_was_told_of_the_end_before_it_began_takes_no_part_any_more()
    {
        Apply(1, Put("b", "10"));
        Apply(1, Finish(1, TransactionOutcome.Nothing));
        Assert.Equal(WriteStatus.Aborted, Apply(1, Prepare(1, [], [Add("b", 3)])).Status);
        Assert.Equal(WriteStatus.Aborted, Apply(0, Decide(3, TransactionOutcome.Then)).Status);
        Assert.False(_states[1].Image.HasOpenTransactions);
    }

    [Fact]
    public void What_is_open_survives_an_image()
    {
        Apply(0, Put("a", "10", ttl: Ttl.After(5)));
        Apply(0, Prepare(1, [Is("a", "10")], [Add("a", -3), PutOf("new", "v")]) with
        {
            Part = Part([Is("a", "10")], [Add("a", -3), PutOf("new", "v")], [Delete("a").Operation]),
        });
        Apply(0, Prepare(2, [], [PutOf("c", "v")]));
        Apply(0, Decide(2, TransactionOutcome.Then));
        var restarted = new KeyValueState(StateImage.Decode(_states[0].Image.Encode()));
        Assert.Equal(_states[0].Image.Hash(), restarted.Image.Hash());
        _states[0] = restarted;
        Assert.Equal(2, restarted.Image.PreparedTransactions.Count() + restarted.Image.DecidedTransactions.Count());
        Assert.Equal(WriteStatus.Locked, Apply(0, Put("new", "w")).Status);

        Apply(0, new Command.Expire { TimeMs = 100 });
        Apply(0, Decide(1, TransactionOutcome.Else));
        Assert.Null(_states[0].Image.Find("a"u8));
        Assert.Equal(WriteStatus.Created, Apply(0, Put("new", "w")).Status);
    }

    [Fact]
    public void A_bucket_that_is_dropped_takes_what_is_open_with_it()
    {
        var bucket = new BucketId(2);
        Apply(0, Prepare(1, [], []) with { Part = Part([], [PutOf("k", "v")], []) with { Bucket = bucket } });
        Apply(0, new Command.CloseBucket { TimeMs = 0, Bucket = bucket });
        Assert.Equal(WriteStatus.Succeeded, Apply(0, Decide(1, TransactionOutcome.Then)).Status);
        Assert.Equal(0, _states[0].Image.Count);
        Assert.Empty(_states[0].Changes);
        var late = Prepare(2, [], []) with { Part = Part([], [PutOf("k", "v")], []) with { Bucket = bucket } };
        Assert.Equal(WriteStatus.BucketGone, Apply(0, late).Status);
    }

    /// <summary>
    /// Clients move units between accounts of three partitions and give up anywhere; commands come late, twice or
    /// never; others settle what was left. Nothing is lost, and what a client was told is what happened.
    /// </summary>
    [Fact]
    public void Whoever_gives_up_and_wherever_no_unit_is_lost()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            try
            {
                new Bank(new Random(seed)).Run();
            }
            catch (Exception failure) when (failure is not OutOfMemoryException)
            {
                throw new InvalidOperationException($"Seed {seed}: {failure.Message}", failure);
            }
        }
    }

    private static Command.Prepare Prepare(
        ulong attempt, ImmutableArray<Compare> compares, ImmutableArray<Operation> then) => new()
        {
            TimeMs = 0,
            RequestId = HopId(attempt),
            Client = ClientId(attempt == 7 || attempt == 8 ? 1 : attempt),
            Fingerprint = 1,
            Participants = Both,
            Part = Part(compares, then, []),
        };

    private static Command.Transaction Part(
        ImmutableArray<Compare> compares, ImmutableArray<Operation> then, ImmutableArray<Operation> otherwise) =>
        new() { TimeMs = 0, Bucket = BucketId.Default, If = compares, Then = then, Else = otherwise };

    private static Command.Decide Decide(
        ulong attempt, TransactionOutcome outcome, ImmutableArray<ItemResult> items = default) => new()
        {
            TimeMs = 0,
            RequestId = HopId(attempt),
            Outcome = outcome,
            Participants = Both,
            Items = items.IsDefault ? [] : items,
        };

    private static Command.Finish Finish(ulong attempt, TransactionOutcome outcome) =>
        new() { TimeMs = 0, RequestId = HopId(attempt), Outcome = outcome };

    private static Compare Is(string key, string value) =>
        new(Encoding.UTF8.GetBytes(key), new Condition.ValueIs(Encoding.UTF8.GetBytes(value)));

    private static Operation.Increment Add(string key, long by) => new() { Key = Encoding.UTF8.GetBytes(key), By = by };

    private string Text(int partition, string key) =>
        Encoding.UTF8.GetString(_states[partition].Image.Find(Encoding.UTF8.GetBytes(key))!.Value.Span);

    private IEnumerable<(string Key, KeyChangeKind Kind)> Changes(int partition) =>
        _states[partition].Changes.Select(change => (Encoding.UTF8.GetString(change.Key.Span), change.Kind));

    private WriteResult Apply(int partition, Command command) => _states[partition].Apply(
        new LogIndex(++_index[partition]), new Term(1), CommandFormat.Encode(command));

    /// <summary>Accounts in three partitions; steps of many clients in any order.</summary>
    private sealed class Bank(Random random)
    {
        private const int Accounts = 6;
        private const long Units = 100;

        private readonly KeyValueState[] _states =
            [new(StateImage.Empty), new(StateImage.Empty), new(StateImage.Empty)];
        private readonly long[] _index = new long[3];
        private readonly List<Command> _sent = [];
        private readonly Dictionary<ulong, WriteStatus> _told = [];
        private readonly Dictionary<ulong, (int From, int To)> _asked = [];
        private ulong _lastAttempt;

        public void Run()
        {
            for (var account = 0; account < Accounts; account++)
                Apply(account % 3, Put($"{account}", Units.ToString(CultureInfo.InvariantCulture)));
            List<IEnumerator<bool>> clients = [];
            for (ulong client = 1; client <= 12; client++)
            {
                var (from, to) = (random.Next(Accounts), random.Next(Accounts));
                if (from % 3 == to % 3)
                    continue;
                _asked[client] = (from, to);
                clients.Add(Transfer(client).GetEnumerator());
                if (random.Next(3) == 0)
                    clients.Add(Transfer(client).GetEnumerator());    // the balancer sent it twice
            }

            while (clients.Count > 0)
            {
                var at = random.Next(clients.Count);
                if (random.Next(25) == 0 || !clients[at].MoveNext())
                    clients.RemoveAt(at);    // done, or it died
                Disturb();
            }

            SettleAll();
            Check();
        }

        /// <summary>One attempt of a client, step by step.</summary>
        private IEnumerable<bool> Transfer(ulong client)
        {
            var (from, to) = _asked[client];
            var attempt = HopId(++_lastAttempt);
            ImmutableArray<PartitionId> participants =
                [new(Math.Min(from % 3, to % 3)), new(Math.Max(from % 3, to % 3))];
            List<ItemResult> items = [];
            foreach (var participant in participants)
            {
                var isFrom = from % 3 == participant.Value;
                WriteResult result;
                while (true)
                {
                    result = Send(participant.Value, new Command.Prepare
                    {
                        TimeMs = 0,
                        RequestId = attempt,
                        Client = ClientId(client),
                        Fingerprint = client,
                        Participants = participants,
                        Part = Part([], [Add($"{(isFrom ? from : to)}", isFrom ? -1 : 1)], []),
                    });
                    if (result.Status != WriteStatus.Locked)
                        break;
                    yield return true;
                }

                if (result.Status != WriteStatus.Prepared)
                {
                    if (participant == participants[0] && result.IsReplay)
                        Tell(client, result.Status);
                    yield break;
                }

                items.AddRange(result.Items);
                yield return true;
            }

            var decided = Send(participants[0].Value, new Command.Decide
            {
                TimeMs = 0,
                RequestId = attempt,
                Outcome = TransactionOutcome.Then,
                Participants = participants,
                Items = [.. items],
            });
            Tell(client, decided.Status);
            yield return true;
            Send(participants[1].Value, new Command.Finish
            {
                TimeMs = 0,
                RequestId = attempt,
                Outcome = OutcomeOf(decided.Status),
            });
            yield return true;
            Send(participants[0].Value, new Command.Forget { TimeMs = 0, RequestId = attempt });
        }

        private void Tell(ulong client, WriteStatus status)
        {
            if (status == WriteStatus.Succeeded)
                _told[client] = status;
        }

        /// <summary>An old command comes again, a state restarts, somebody settles what is stuck.</summary>
        private void Disturb()
        {
            switch (random.Next(12))
            {
                case 0 when _sent.Count > 0:
                    Repeat(_sent[random.Next(_sent.Count)]);
                    break;
                case 1:
                    var at = random.Next(3);
                    _states[at] = new KeyValueState(StateImage.Decode(_states[at].Image.Encode()));
                    break;
                case 2:
                    SettleOne(random.Next(3));
                    break;
            }
        }

        private void Repeat(Command command)
        {
            var places = command switch
            {
                Command.Prepare prepare => prepare.Participants
                    .Where(place => int.Parse(
                        Encoding.UTF8.GetString(prepare.Part.Then[0].Key.Span), CultureInfo.InvariantCulture) % 3
                        == place.Value),
                Command.Decide decide => [decide.Participants[0]],
                _ => [],
            };
            foreach (var place in places)
                Apply(place.Value, command);
        }

        /// <summary>As a primary does with what it finds open for too long.</summary>
        private void SettleOne(int partition)
        {
            foreach (var (attempt, participants) in _states[partition].Image.PreparedTransactions.ToList())
            {
                var decided = Apply(participants[0].Value, new Command.Decide
                {
                    TimeMs = 0,
                    RequestId = attempt,
                    Outcome = TransactionOutcome.Nothing,
                    Participants = participants,
                });
                FinishAll(attempt, participants, OutcomeOf(decided.Status));
            }

            foreach (var (attempt, outcome, participants) in _states[partition].Image.DecidedTransactions.ToList())
                FinishAll(attempt, participants, outcome);
        }

        private static TransactionOutcome OutcomeOf(WriteStatus status) => status switch
        {
            WriteStatus.Succeeded => TransactionOutcome.Then,
            WriteStatus.ComparesFailed => TransactionOutcome.Else,
            _ => TransactionOutcome.Nothing,
        };

        private void FinishAll(
            RequestId attempt, ImmutableArray<PartitionId> participants, TransactionOutcome outcome)
        {
            foreach (var participant in participants.Skip(1))
            {
                Apply(participant.Value, new Command.Finish
                {
                    TimeMs = 0,
                    RequestId = attempt,
                    Outcome = outcome,
                });
            }

            Apply(participants[0].Value, new Command.Forget { TimeMs = 0, RequestId = attempt });
        }

        private void SettleAll()
        {
            for (var partition = 0; partition < 3; partition++)
                SettleOne(partition);
        }

        private void Check()
        {
            var expected = Enumerable.Repeat(Units, Accounts).ToArray();
            foreach (var (client, (from, to)) in _asked)
            {
                var isDone = _states[Math.Min(from % 3, to % 3)].Remembers(ClientId(client));
                Assert.True(isDone || !_told.ContainsKey(client), $"client {client} was told what is not so");
                expected[from] -= isDone ? 1 : 0;
                expected[to] += isDone ? 1 : 0;
            }

            for (var account = 0; account < Accounts; account++)
            {
                var value = _states[account % 3].Image.Find(Encoding.UTF8.GetBytes($"{account}"))!.Value.Span;
                Assert.Equal(
                    expected[account], long.Parse(Encoding.UTF8.GetString(value), CultureInfo.InvariantCulture));
            }

            Assert.All(_states, state => Assert.False(state.Image.HasOpenTransactions));
        }

        private WriteResult Send(int partition, Command command)
        {
            _sent.Add(command);
            return Apply(partition, command);
        }

        private WriteResult Apply(int partition, Command command) => _states[partition].Apply(
            new LogIndex(++_index[partition]), new Term(1), CommandFormat.Encode(command));
    }
}
