using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Verification;

namespace KvStore.Tests.Simulation;

/// <summary>
/// A whole store in one thread and virtual time: real replicas and real states on simulated nodes, disks and
/// network, with clients and a nemesis, all drawn from one seed. Two runs of a seed are the same to the last message.
/// </summary>
internal sealed class Simulator
{
    private const long SettleLimit = 20 * Swarm.Second;
    private const long SettleStep = 100 * Swarm.Millisecond;

    /// <summary>Nodes that a world ever has: those it begins with and those that come for lost disks.</summary>
    private const int MaxNodes = 12;

    private readonly List<SimulatedNode> _nodes = [];
    private readonly string _kind;
    private readonly int _seed;
    private readonly GroupLaws[] _laws;
    private readonly Workload _workload;
    private readonly Nemesis _nemesis;
    private ulong _lastAttempt;

    public Simulator(string kind, int seed, Swarm swarm, int keptLines = 0)
    {
        (_kind, _seed) = (kind, seed);
        Swarm = swarm;
        Chance = new Random(seed ^ 0x5EED);
        Queue = new EventQueue();
        Trace = new Trace(Queue, keptLines);
        Network = new SimulatedNetwork(Queue, new Random(Chance.Next()), Swarm, Trace, MaxNodes);
        Placement = new Placement(this);
        _laws = [.. Enumerable.Range(0, Swarm.GroupCount).Select(group => new GroupLaws(this, new PartitionId(group)))];
        if (Swarm.HasDeals)
            Bank = new Bank(this, new Random(Chance.Next()));
        for (var count = 0; count < Swarm.NodeCount; count++)
            AddNode();
        _workload = new Workload(this, new Random(Chance.Next()));
        _nemesis = new Nemesis(this, new Random(Chance.Next()));
    }

    public Swarm Swarm { get; }

    /// <summary>The source of all that is random and has no source of its own.</summary>
    public Random Chance { get; }

    public EventQueue Queue { get; }

    public Trace Trace { get; }

    public SimulatedNetwork Network { get; }

    public Placement Placement { get; }

    /// <summary>All that ever were, by id.</summary>
    public IReadOnlyList<SimulatedNode> Nodes => _nodes;

    /// <summary>Those that still have their disk.</summary>
    public IEnumerable<SimulatedNode> Present => _nodes.Where(node => !node.IsGone);

    public bool HasRoomForNodes => _nodes.Count < MaxNodes;

    public IReadOnlyList<HistoryOperation> History => _workload.History;

    /// <summary>Who makes transactions; null: nobody does.</summary>
    public Bank? Bank { get; }

    /// <summary>How many values have expired.</summary>
    public int ExpiryCount { get; private set; }

    /// <summary>Commands whose changes a watch was told, and how often it was told that it lost some.</summary>
    public (long Read, long Lost) Watched =>
        (_laws.Sum(laws => laws.Watches?.ReadCount ?? 0), _laws.Sum(laws => laws.Watches?.LostCount ?? 0));

    public int ElectionCount => _laws.Sum(laws => laws.ElectionCount);

    /// <summary>How to see this world again.</summary>
    public string Replay =>
        $"replay: KVSTORE_SIM_WORLD={_kind} KVSTORE_SIM_SEED={_seed} dotnet test KvStore.Tests "
        + "--filter FullyQualifiedName~SimulationTests";

    public SimulatedNode Node(NodeId id) => Nodes[id.Value - 1];

    public SimulatedNode AddNode()
    {
        SimulatedNode node = new(this, new NodeId(_nodes.Count + 1));
        _nodes.Add(node);
        return node;
    }

    /// <summary>A name that no attempt at a transaction had.</summary>
    public RequestId NextAttempt() => new((ulong)Chance.NextInt64(), ++_lastAttempt, RequestIdKind.Internal);

    public GroupLaws LawsOf(PartitionId group) => _laws[group.Value];

    /// <summary>A value is gone from now on since its time is over: nobody may see it again.</summary>
    public void Expired(string key, KeyVersion version)
    {
        ExpiryCount++;
        _workload.Expired(key, version);
    }

    /// <summary>A value is stored under a version that the store did not have before, or the same value anew.</summary>
    public void Stored(string key, StoredEntry? before, StoredEntry after) => _workload.Stored(key, before, after);

    /// <summary>What a learner may lack and still become a voter.</summary>
    public int CaughtUpEntries => Swarm.HasTightLimits ? 2 : 20;

    public ReplicaOptions OptionsOf(PartitionId group, NodeId self) => new()
    {
        Partition = group,
        Self = self,
        Voters = Placement.Born(Swarm, group.Value),
        Preferred = Placement.Preferred(group),
        CaughtUpEntries = CaughtUpEntries,
        MaxUncommittedBytes = Swarm.HasTightLimits ? 200 : 64 * 1024,
        MaxAppendBytes = Swarm.MaxAppendBytes,
        MaxInFlight = Swarm.HasTightLimits ? 2 : 64,
    };

    /// <summary>Clients work, the nemesis harms.</summary>
    /// <exception cref="SimulationFailedException">A law was broken.</exception>
    public void Run(TimeSpan time) => Watch(() =>
    {
        foreach (var node in Nodes)
            node.Start();
        _workload.Start();
        Bank?.Start();
        foreach (var laws in _laws)
            laws.Watches?.Start();
        _nemesis.Start();
        Queue.RunUntil(Queue.Now + (long)time.TotalMicroseconds);
    });

    /// <summary>
    /// Everything is repaired; within a limit every group must have a primary, the preferred one if there is one,
    /// commit again, and all its replicas must become identical. Then the history is judged, and the world is at its
    /// end.
    /// </summary>
    /// <exception cref="SimulationFailedException">It did not, or no order explains the history.</exception>
    public void HealAndSettle() => Watch(() =>
    {
        _workload.Stop();
        Bank?.Stop();
        _nemesis.Stop();
        Network.Heal();
        foreach (var node in Present)
        {
            node.DiskSlowness = 1;
            node.Resume();
            node.Start();
        }

        _workload.Verify();
        Bank?.Verify();
        var limit = Queue.Now + SettleLimit;
        while (Unsettled() is { } reason)
        {
            Law.Holds(Queue.Now < limit, $"Not settled in time: {reason}");
            Queue.RunUntil(Queue.Now + SettleStep);
        }

        foreach (var replica in Nodes.SelectMany(node => node.Replicas))
            LawsOf(replica.Group).StatesAgree(replica);
        Bank?.Judge();
        var judgement = new LinearizabilityChecker(hasUniqueEtags: true).Judge(History);
        Law.Holds(judgement.Verdict == Verdict.Legal, $"The history is {judgement.Verdict}. {judgement.Why}");
        foreach (var replica in Nodes.SelectMany(node => node.Replicas))
            Law.Holds(replica.StopsWhenWrong(), $"n{replica.Node} g{replica.Group}: goes on with an invariant broken");
    });

    /// <summary>
    /// One node hears nobody and is heard by nobody for a while: it must not go on as a primary nor raise its terms;
    /// and when it is back, nobody has to be elected anew.
    /// </summary>
    /// <exception cref="SimulationFailedException">It disturbed the others, or its callers waited for it.</exception>
    public void CutOff(NodeId id, TimeSpan time) => Watch(() =>
    {
        var lonely = Node(id).Replicas.Select(replica => (replica.Core, replica.Core.Term)).ToList();
        foreach (var other in Nodes.Where(node => node.Id != id))
        {
            Network.Cut(id.Value, other.Id.Value);
            Network.Cut(other.Id.Value, id.Value);
        }

        Queue.RunUntil(Queue.Now + (long)time.TotalMicroseconds);
        foreach (var (core, term) in lonely)
        {
            Law.Holds(core.Role != ReplicaRole.Primary, $"n{id}: still primary, though it hears nobody");
            Law.Holds(core.Term <= term.Next(), $"n{id}: its term rose to {core.Term} while it heard nobody");
        }

        var terms = LatestTerms();
        Network.JoinAll();
        Queue.RunUntil(Queue.Now + (long)time.TotalMicroseconds);
        Law.Holds(terms.SequenceEqual(LatestTerms()), $"n{id}: an election was held because it came back");
    });

    private List<Term> LatestTerms() =>
        [.. _laws.Select((_, group) => Nodes.Max(node => node.Replicas[group].Core.Term))];

    private string? Unsettled()
    {
        if (!_workload.IsIdle || Bank is { IsIdle: false })
            return "a client waits for its answer";
        for (var group = 0; group < Swarm.GroupCount; group++)
        {
            if (Unsettled(new PartitionId(group)) is { } reason)
                return $"group {group}: {reason}";
        }

        return null;
    }

    private string? Unsettled(PartitionId group)
    {
        var replicas = Present.Select(node => node.Replicas[group.Value]).ToArray();
        var primaries = replicas.Where(replica => replica.Core.Role == ReplicaRole.Primary).ToArray();
        if (primaries.Length != 1)
            return $"{primaries.Length} primaries";
        var primary = primaries[0];
        var members = primary.Core.Configuration;
        if (!members.Members.ToHashSet().SetEquals(Placement.Wanted(group)) || !members.Learners.IsEmpty)
            return $"{members} keep it instead of {string.Join(' ', Placement.Wanted(group))}";
        if (Placement.Preferred(group) is var preferred && preferred != NodeId.None && preferred != primary.Node)
            return $"node {primary.Node} is primary instead of {preferred}";
        if (Bank?.Unsettled(primary) is { } open)
            return open;
        if (primary.IsLate)
            return $"what is due at {primary.Image.NextExpiryMs} is still there at {primary.NowMs}";
        var last = primary.Core.LastIndex;
        var laggard = replicas.FirstOrDefault(replica =>
            members.Voters.Contains(replica.Node) && replica.AppliedIndex != last);
        return laggard is null ? null : $"node {laggard.Node} applied {laggard.AppliedIndex} of {last}";
    }

    /// <summary>
    /// Without a context of synchronization, so that what waits goes on in the event that it waited for.
    /// </summary>
    private void Watch(Action act)
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            act();
        }
        catch (Exception failure)
        {
            var lines = string.Join('\n', Nodes.SelectMany(node => node.Describe()).Concat(Trace.Lines));
            var when = FormattableString.Invariant($"Seed {_seed} at {Queue.Now / 1e6:F6} s");
            throw new SimulationFailedException($"{when}: {failure.Message}\n{Replay}\n{Swarm}\n{lines}", failure);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }
}
