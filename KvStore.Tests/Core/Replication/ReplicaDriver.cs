using System.Collections.Immutable;
using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;

namespace KvStore.Tests.Core.Replication;

/// <summary>
/// One replica, stepped by hand: nothing is flushed, sent or applied unless a test says
/// so. Node 1 unless told otherwise.
/// </summary>
internal sealed class ReplicaDriver
{
    public const int ElectionTicks = 10;
    public const int HeartbeatTicks = 2;
    private long _lastNumber;
    private long _lastTicket;

    public ReplicaDriver(
        int voters = 3, RecoveredReplica? recovered = null, int seed = 1, ReplicaOptions? options = null)
    {
        Options = options ?? OptionsOf(1, voters);
        Core = new Replica(Options, recovered ?? RecoveredReplica.Empty, new Random(seed));
    }

    public Replica Core { get; }

    public ReplicaOptions Options { get; }

    public static ReplicaOptions OptionsOf(int self, int voters) => new()
    {
        Partition = new PartitionId(7),
        Self = new NodeId(self),
        Voters = [.. Enumerable.Range(1, voters).Select(id => new NodeId(id))],
        ElectionTicks = ElectionTicks,
        HeartbeatTicks = HeartbeatTicks,
    };

    /// <summary>Hard state of the last entry's term, no vote, and entries of these terms from index 1 on.</summary>
    public static RecoveredReplica WithLog(params int[] terms) =>
        new(new HardState(new Term(terms.LastOrDefault()), NodeId.None), LogIndex.Zero, Term.Zero, Entries(1, terms));

    public static ImmutableArray<LogEntry> Entries(long first, params int[] terms) =>
        [.. terms.Select((term, at) => Entry(first + at, term))];

    public static LogEntry Entry(long index, int term) =>
        new(new LogIndex(index), new Term(term), EntryKind.Command, Encoding.UTF8.GetBytes($"{term}/{index}"));

    /// <summary>An elected primary; everything is flushed, no backup has answered an append.</summary>
    public static ReplicaDriver Primary(
        int voters = 3, RecoveredReplica? recovered = null, ReplicaOptions? options = null)
    {
        ReplicaDriver driver = new(voters, recovered, options: options);
        driver.BecomeCandidate();
        for (var voter = 2; voter <= (voters / 2) + 1; voter++)
            driver.Receive(voter, new PeerMessage.VoteReply(driver.Core.Term, IsGranted: true, IsPreVote: false));
        driver.Flush();
        Assert.Equal(ReplicaRole.Primary, driver.Core.Role);
        return driver;
    }

    /// <summary>An elected primary whose first entry is committed with the acknowledgement of node 2.</summary>
    public static ReplicaDriver CommittedPrimary(
        int voters = 3, RecoveredReplica? recovered = null, ReplicaOptions? options = null)
    {
        var driver = Primary(voters, recovered, options);
        for (var voter = 2; voter <= (voters / 2) + 1; voter++)
            driver.Acknowledge(voter);
        Assert.Equal(driver.Core.LastIndex, driver.Core.CommitIndex);
        return driver;
    }

    public Effects Step(params Input[] inputs)
    {
        Effects effects = new();
        Core.Step(inputs, effects);
        if (effects.Persist.Count > 0)
            _lastNumber = effects.Persist[^1].Number;
        return effects;
    }

    public Effects Receive(int from, PeerMessage message) => Step(new Input.Receive(new NodeId(from), message));

    /// <summary>Reports all that was handed to stable storage as flushed, together with what that leads to.</summary>
    public Effects Flush() => Step(new Input.Persisted(_lastNumber));

    public Effects Tick(int ticks = 1)
    {
        Effects all = new();
        for (var i = 0; i < ticks; i++)
            Gather(Step(new Input.Tick()), all);
        return all;
    }

    /// <summary>Ticks until the role is reached; the number of ticks it took.</summary>
    public int TickUntil(ReplicaRole role)
    {
        for (var ticks = 1; ticks <= 10 * ElectionTicks; ticks++)
        {
            Tick();
            if (Core.Role == role)
                return ticks;
        }

        throw new InvalidOperationException($"Did not become {role}, is {Core.Role}.");
    }

    /// <summary>Silence, then pre-votes: a candidate whose own vote is flushed and whose requests have left.</summary>
    public Effects BecomeCandidate()
    {
        var term = Core.Term.Next();
        for (var ticks = 0; ticks < 2 * ElectionTicks && Core.Role is ReplicaRole.Backup; ticks++)
            Tick();
        var needed = (Options.Voters.Length / 2) + 1;
        for (var voter = 2; voter <= needed; voter++)
            Receive(voter, new PeerMessage.VoteReply(term, IsGranted: true, IsPreVote: true));
        return Flush();
    }

    public Effects Propose(string payload = "x") =>
        Step(new Input.Propose(new Ticket(++_lastTicket), Encoding.UTF8.GetBytes(payload)));

    public Effects Read() => Step(new Input.Read(new Ticket(++_lastTicket)));

    /// <summary>The backup acknowledges everything, or everything up to an index.</summary>
    public Effects Acknowledge(int from, long? index = null) =>
        Receive(from, Accepted(Core.Term, index ?? Core.LastIndex.Value));

    public Effects Append(
        int from, int term, long previous, int previousTerm, long commit, params LogEntry[] entries) =>
        Receive(from, AppendOf(term, previous, previousTerm, commit, entries));

    public static PeerMessage.AppendRequest AppendOf(
        int term, long previous, int previousTerm, long commit, params LogEntry[] entries) =>
        new(new Term(term), new LogIndex(previous), new Term(previousTerm), [.. entries], new LogIndex(commit));

    public static PeerMessage.AppendReply Accepted(Term term, long index) =>
        new(term, IsAccepted: true, new LogIndex(index), LogIndex.Zero, Term.Zero);

    public static PeerMessage.Heartbeat HeartbeatOf(int term, long commit = 0, long round = 1) =>
        new(new Term(term), new LogIndex(commit), round, FreshAt: new LogIndex(commit));

    public static PeerMessage.VoteRequest VoteRequestOf(
        int term, long lastIndex = 0, int lastTerm = 0, bool isPreVote = false, bool isTransfer = false) =>
        new(new Term(term), new LogIndex(lastIndex), new Term(lastTerm), isPreVote, isTransfer);

    private static void Gather(Effects from, Effects to)
    {
        to.Persist.AddRange(from.Persist);
        to.Send.AddRange(from.Send);
        to.SendSnapshot.AddRange(from.SendSnapshot);
        to.Commit.AddRange(from.Commit);
        to.Reads.AddRange(from.Reads);
        to.Refused.AddRange(from.Refused);
        to.Disbelieved.AddRange(from.Disbelieved);
    }
}

/// <summary>Picks out of effects what a test looks at.</summary>
internal static class EffectsReading
{
    /// <summary>The messages of a kind, to whomever.</summary>
    public static IReadOnlyList<T> Sent<T>(this Effects effects)
        where T : PeerMessage => [.. effects.Send.Select(envelope => envelope.Message).OfType<T>()];

    /// <summary>The messages of a kind to one peer.</summary>
    public static IReadOnlyList<T> SentTo<T>(this Effects effects, int peer)
        where T : PeerMessage =>
        [.. effects.Send.Where(envelope => envelope.Peer.Value == peer)
            .Select(envelope => envelope.Message)
            .OfType<T>()];

    /// <summary>The indexes of the entries handed out as committed.</summary>
    public static long[] Committed(this Effects effects) => [.. effects.Commit.Select(entry => entry.Index.Value)];
}
