using KvStore.Core.State;

namespace KvStore.Tests.Simulation;

/// <summary>
/// How unkind one simulated world is. Each seed draws its own rates, some of them zero, since a fault that always
/// happens hides what only shows in its absence (Groce and others: Swarm testing, 2012). Times are in microseconds, a
/// mean interval of zero is "never".
/// </summary>
internal sealed record Swarm
{
    public const long Millisecond = 1_000;
    public const long Second = 1_000_000;
    public const long TickPeriod = 50 * Millisecond;
    private const int TightAppend = 150;
    private const int WideAppend = 64 * 1024;

    public required int NodeCount { get; init; }
    public required int VoterCount { get; init; }
    public required int GroupCount { get; init; }
    public required int ClientCount { get; init; }
    public required int KeysPerGroup { get; init; }
    public required long ThinkTime { get; init; }
    public required double Loss { get; init; }
    public required double Duplication { get; init; }
    public required long MaxDelay { get; init; }
    public required double LongDelays { get; init; }
    public required long MaxFlush { get; init; }
    public required double TickSkew { get; init; }
    public required bool HasPreferred { get; init; }
    public required bool HasBatches { get; init; }
    public required bool HasTightLimits { get; init; }
    public required int MaxAppendBytes { get; init; }
    public required bool HasHopIds { get; init; }
    public required long CrashInterval { get; init; }
    public required long CrashAllInterval { get; init; }
    public required long PauseInterval { get; init; }
    public required long CutInterval { get; init; }
    public required long SlowDiskInterval { get; init; }
    public required long SnapshotInterval { get; init; }
    public required long TransferInterval { get; init; }
    public required long MoveInterval { get; init; }
    public required long LoseDiskInterval { get; init; }

    /// <summary>How many requests the states remember; tests of every other kind never reach the limit.</summary>
    public RequestMemory Memory { get; init; } = RequestMemory.Default;

    /// <summary>Whether there are transactions over several groups.</summary>
    public bool HasDeals { get; init; }

    /// <summary>Whether values live for a time.</summary>
    public bool HasLives { get; init; }

    /// <summary>Whether somebody is told what changes.</summary>
    public bool HasWatches => HasLives || HasDeals;

    /// <summary>By which part the clocks of nodes are too fast or too slow.</summary>
    public double ClockDrift { get; init; }

    /// <summary>How often somebody sets the wall clock of a node.</summary>
    public long ClockJumpInterval { get; init; }

    /// <summary>The longest time for which all nodes are down.</summary>
    public long LongestOutageMs { get; init; } = 500;

    /// <summary>Whether the ids of requests carry the time, by clocks of the clients.</summary>
    public bool HasTimedIds { get; init; }

    /// <summary>The world of a seed.</summary>
    public static Swarm Draw(int seed)
    {
        Random random = new(seed);
        var groups = random.Next(1, 5);
        var keys = random.Next(1, 4);
        var clients = random.Next(2, 7);
        var nodes = random.Next(2) == 0 ? 3 : 5;
        Swarm drawn = new()
        {
            NodeCount = nodes,
            VoterCount = nodes == 5 && random.Next(3) != 0 ? 3 : nodes,
            GroupCount = groups,
            ClientCount = clients,
            KeysPerGroup = keys,
            ThinkTime = Math.Max(10 * Millisecond, clients * 100 * Millisecond / (groups * keys)),
            Loss = Maybe(random, 0.6) * random.NextDouble() * 0.3,
            Duplication = Maybe(random, 0.5) * random.NextDouble() * 0.2,
            MaxDelay = random.Next(1, 20) * Millisecond,
            LongDelays = Maybe(random, 0.5) * random.NextDouble() * 0.1,
            MaxFlush = random.Next(1, 15) * Millisecond,
            TickSkew = Maybe(random, 0.7) * 0.25,
            HasPreferred = random.Next(2) == 0,
            HasBatches = random.Next(2) == 0,
            HasTightLimits = random.Next(3) == 0,
            MaxAppendBytes = WideAppend,
            HasHopIds = false,
            CrashInterval = Maybe(random, 0.7) * random.Next(1, 8) * Second,
            CrashAllInterval = Maybe(random, 0.3) * random.Next(4, 12) * Second,
            PauseInterval = Maybe(random, 0.5) * random.Next(2, 8) * Second,
            CutInterval = Maybe(random, 0.7) * random.Next(2, 8) * Second,
            SlowDiskInterval = Maybe(random, 0.3) * random.Next(3, 10) * Second,
            SnapshotInterval = Maybe(random, 0.8) * random.Next(1, 10) * 200 * Millisecond,
            TransferInterval = Maybe(random, 0.3) * random.Next(1, 6) * Second,
            MoveInterval = Maybe(random, 0.4) * random.Next(1, 8) * Second,
            LoseDiskInterval = Maybe(random, 0.4) * random.Next(3, 10) * Second,
        };
        return drawn with { MaxAppendBytes = drawn.HasTightLimits ? TightAppend : WideAppend };
    }

    /// <summary>
    /// Of every size that is promised to work: three to seven nodes, any number of voters among them, up to eight
    /// groups, and as often as not with limits so tight that all of them are met, that of an append even by one entry.
    /// The ids of hops are forgotten sooner than those of clients, within the longer ones of these worlds.
    /// </summary>
    public static Swarm Vast(int seed)
    {
        Random random = new(seed ^ 0x7A57);
        var nodes = random.Next(3, 8);
        var (groups, clients, keys) = (random.Next(1, 9), random.Next(2, 9), random.Next(1, 4));
        return Draw(seed) with
        {
            NodeCount = nodes,
            VoterCount = random.Next(1, nodes + 1),
            GroupCount = groups,
            ClientCount = clients,
            KeysPerGroup = keys,
            ThinkTime = Math.Max(10 * Millisecond, clients * 100 * Millisecond / (groups * keys)),
            HasTightLimits = random.Next(2) == 0,
            MaxAppendBytes = random.GetItems([1, TightAppend, WideAppend], 1)[0],
            HasHopIds = random.Next(2) == 0,
        };
    }

    /// <summary>
    /// What shows only after a crash, a lost primary or a snapshot is met sooner where those are common.
    /// </summary>
    public static Swarm Harsh(int seed) => Draw(seed) with
    {
        CrashInterval = Second / 2,
        CutInterval = 2 * Second,
        SnapshotInterval = Second,
        LongDelays = 0.05,
    };

    /// <summary>Harsh, and whoever comes to mind is made a member or is none any more.</summary>
    public static Swarm Restless(int seed) => Harsh(seed) with
    {
        MoveInterval = Second / 2,
        LoseDiskInterval = 4 * Second,
    };

    /// <summary>One group that hardly ever keeps its primary for long, on slow disks.</summary>
    public static Swarm Unsteady(int seed) => Draw(seed) with
    {
        GroupCount = 1,
        KeysPerGroup = 1,
        ThinkTime = 20 * Millisecond,
        CrashInterval = Second / 4,
        CutInterval = Second / 2,
        PauseInterval = Second,
        SlowDiskInterval = Second,
        LongDelays = 0.05,
        MoveInterval = 0,
        LoseDiskInterval = 0,
    };

    /// <summary>Harsh, and so little is remembered that many a retry comes when its id is forgotten.</summary>
    public static Swarm Forgetful(int seed) => Harsh(seed) with
    {
        Memory = new RequestMemory { Limit = 2 },
        HasTimedIds = true,
        ClientCount = 6,
        ThinkTime = 20 * Millisecond,
    };

    /// <summary>
    /// Values that live for moments, while wall clocks are set, primaries are lost and all nodes are down at once.
    /// Clocks go apart by no more than a log clock allows for.
    /// </summary>
    public static Swarm Lives(int seed) => Draw(seed) with
    {
        HasLives = true,
        ClockDrift = 0.001,
        ClockJumpInterval = Second,
        LongestOutageMs = 4000,
        CrashInterval = 2 * Second,
        CrashAllInterval = seed % 2 == 0 ? 5 * Second : 0,
        CutInterval = 4 * Second,
        LongDelays = 0.02,
        TransferInterval = 3 * Second,
        SnapshotInterval = Second,
    };

    /// <summary>
    /// Transactions over several groups, while nodes die between any two of their steps. Limits are wide: a transaction
    /// that never fits would never be done.
    /// </summary>
    public static Swarm Deals(int seed) => Draw(seed) with
    {
        HasDeals = true,
        GroupCount = seed % 3 == 0 ? 2 : 4,
        ClientCount = 2,
        KeysPerGroup = 1,
        ThinkTime = 400 * Millisecond,
        HasTightLimits = false,
        MaxAppendBytes = WideAppend,
        CrashInterval = Second,
        CutInterval = 4 * Second,
        SnapshotInterval = Second,
    };

    /// <summary>Primaries that are frozen or cut off while clients ask them, and others take over.</summary>
    public static Swarm Frozen(int seed) => Quiet(seed) with
    {
        GroupCount = 1,
        ClientCount = 6,
        ThinkTime = 50 * Millisecond,
        LongDelays = 0.02,
        PauseInterval = Second / 2,
        CutInterval = 4 * Second,
    };

    /// <summary>
    /// Office is handed on all the time, and messages of those who held it come late; the limits are so tight that they
    /// are met, and logs so long that they are told piece by piece.
    /// </summary>
    public static Swarm Passing(int seed) => Unsteady(seed) with
    {
        HasTightLimits = true,
        CrashInterval = 2 * Second,
        LongDelays = 0.1,
        MaxAppendBytes = TightAppend,
        SnapshotInterval = seed % 2 == 0 ? 0 : Second / 20,
        TransferInterval = Second / 5,
    };

    /// <summary>Nothing goes wrong, and nobody asks for anything.</summary>
    public static Swarm Silent(int seed) => Quiet(seed) with { ClientCount = 0 };

    /// <summary>Nothing goes wrong.</summary>
    public static Swarm Quiet(int seed) => Draw(seed) with
    {
        Loss = 0,
        Duplication = 0,
        LongDelays = 0,
        HasPreferred = false,
        CrashInterval = 0,
        CrashAllInterval = 0,
        PauseInterval = 0,
        CutInterval = 0,
        SlowDiskInterval = 0,
        TransferInterval = 0,
        MoveInterval = 0,
        LoseDiskInterval = 0,
    };

    private static int Maybe(Random random, double probability) => random.NextDouble() < probability ? 1 : 0;
}
