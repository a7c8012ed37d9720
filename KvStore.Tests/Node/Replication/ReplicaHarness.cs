using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Replication;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Node.Replication;

/// <summary>
/// A replica with its callers, member 1 of its group, carried by hand: nothing is flushed unless a test says so.
/// </summary>
internal sealed class ReplicaHarness
{
    private readonly List<Persist> _unflushed = [];

    public ReplicaHarness(
        int voters = 3,
        long maxUncommittedBytes = 1024 * 1024,
        StateImage? image = null,
        long markTicks = long.MaxValue,
        int restTicks = 10,
        long firstStamp = 1)
    {
        var options = new ReplicaOptions
        {
            Partition = new PartitionId(5),
            Self = new NodeId(1),
            Voters = [.. Enumerable.Range(1, voters).Select(id => new NodeId(id))],
            MaxUncommittedBytes = maxUncommittedBytes,
        };
        Replica = new PartitionReplica(
            options.Partition,
            new Replica(options, RecoveredReplica.Empty, new Random(1)),
            new KeyValueState(image ?? StateImage.Empty),
            LogIndex.Zero,
            Time,
            markTicks: markTicks,
            restTicks: restTicks,
            firstStamp: firstStamp);
    }

    public PartitionReplica Replica { get; }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 5, 1, 0, 0, 0, TimeSpan.Zero));

    public List<Envelope> Sent { get; } = [];

    public Term Term => Replica.Replica.Term;

    public LogIndex LastIndex => Replica.Replica.LastIndex;

    /// <summary>A primary that has committed the first entry of its term.</summary>
    public static ReplicaHarness Primary(
        int voters = 3,
        long maxUncommittedBytes = 1024 * 1024,
        long markTicks = long.MaxValue,
        int restTicks = 10)
    {
        var harness = Elected(voters, maxUncommittedBytes, markTicks, restTicks);
        harness.Flush();
        if (voters > 1)
            harness.Acknowledge(2);
        Assert.Equal(harness.LastIndex, harness.Replica.Replica.CommitIndex);
        return harness;
    }

    /// <summary>A primary whose first entry is not flushed yet.</summary>
    public static ReplicaHarness Elected(
        int voters = 3,
        long maxUncommittedBytes = 1024 * 1024,
        long markTicks = long.MaxValue,
        int restTicks = 10)
    {
        ReplicaHarness harness = new(voters, maxUncommittedBytes, markTicks: markTicks, restTicks: restTicks);
        while (harness.Replica.Role == ReplicaRole.Backup)
            harness.Tick();
        for (var voter = 2; voter <= (voters / 2) + 1; voter++)
            harness.Receive(voter, new PeerMessage.VoteReply(harness.Term.Next(), IsGranted: true, IsPreVote: true));
        harness.Flush();
        for (var voter = 2; voter <= (voters / 2) + 1; voter++)
            harness.Receive(voter, new PeerMessage.VoteReply(harness.Term, IsGranted: true, IsPreVote: false));
        Assert.Equal(ReplicaRole.Primary, harness.Replica.Role);
        return harness;
    }

    public static T Outcome<T>(PendingWrite write)
        where T : WriteOutcome
    {
        Assert.True(write.IsDone);
        return Assert.IsType<T>(write.Done.Result);
    }

    public static T Outcome<T>(PendingRead read)
        where T : ReadOutcome
    {
        Assert.True(read.IsDone);
        return Assert.IsType<T>(read.Done.Result);
    }

    public void Tick(int count = 1)
    {
        for (var tick = 0; tick < count; tick++)
        {
            Replica.Tick();
            Carry();
        }
    }

    public void Receive(int from, PeerMessage message)
    {
        Replica.Add(new Input.Receive(new NodeId(from), message));
        Carry();
    }

    /// <summary>A backup has flushed everything up to here.</summary>
    public void Acknowledge(int from, LogIndex? upTo = null) =>
        Receive(from, new PeerMessage.AppendReply(Term, IsAccepted: true, upTo ?? LastIndex, LogIndex.Zero, Term.Zero));

    /// <summary>All that was handed to the log so far is on stable storage.</summary>
    public void Flush()
    {
        foreach (var persist in _unflushed)
            Replica.Add(new Input.Persisted(persist.Number));
        _unflushed.Clear();
        Carry();
    }

    /// <summary>
    /// Another member has become primary: its first entry takes the place of what is not committed here.
    /// </summary>
    public void Follow(int primary, long previousIndex, long commit, Term? previousTerm = null)
    {
        var term = Term.Next();
        var first = new LogEntry(new LogIndex(previousIndex + 1), term, EntryKind.Empty, default);
        Receive(primary, new PeerMessage.AppendRequest(
            term, new LogIndex(previousIndex), previousTerm ?? Term, [first], new LogIndex(commit)));
        Assert.Equal(ReplicaRole.Backup, Replica.Role);
    }

    public PendingWrite Write(Command command, Ack ack = Ack.Quorum)
    {
        PendingWrite write = new(CommandFormat.Encode(command), command, ack);
        Replica.Add(write);
        Carry();
        return write;
    }

    public PendingRead Read()
    {
        PendingRead read = new();
        Replica.Add(read);
        Carry();
        return read;
    }

    public string? Find(string key) =>
        Replica.Image.Find(Encoding.UTF8.GetBytes(key)) is { } entry ? Encoding.UTF8.GetString(entry.Value.Span) : null;

    public void Carry()
    {
        Replica.Step();
        _unflushed.AddRange(Replica.Effects.Persist);
        Sent.AddRange(Replica.Effects.Send);
        Replica.Finish();
    }
}
