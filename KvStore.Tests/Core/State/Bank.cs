using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using static KvStore.Tests.Core.State.Commands;
using static KvStore.Tests.Core.State.TransactionsTests;

namespace KvStore.Tests.Core.State;

/// <summary>Accounts in three partitions; steps of many clients in any order.</summary>
internal sealed class Bank(Random random)
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
