using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using KvStore.Verification;
using static System.FormattableString;

namespace KvStore.Tests.Simulation;

/// <summary>
/// Worlds by seed. KVSTORE_SIM_SEED=n runs that one and prints its last events; KVSTORE_SIM_SEEDS=n and
/// KVSTORE_SIM_FROM=n run n seeds from the given one on, a million if need be. KVSTORE_SIM_WORLD names another kind
/// than the usual.
/// </summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    private const int NormalSeeds = 2000;
    private const int ReplayLines = 3000;

    [Fact]
    public void Acknowledged_writes_survive_crashes_and_partitions()
    {
        var kind = Environment.GetEnvironmentVariable("KVSTORE_SIM_WORLD") ?? "Usual";
        if (Setting("KVSTORE_SIM_SEED") is { } single)
        {
            var world = Worlds.Run(kind, single, ReplayLines);
            output.WriteLine(string.Join('\n', world.Trace.Lines));
            return;
        }

        var (from, count) = (Setting("KVSTORE_SIM_FROM") ?? 1, Setting("KVSTORE_SIM_SEEDS") ?? NormalSeeds);
        var totals = RunWorlds(kind, from, count);
        if (kind == "Usual")
            Assert.Empty(totals.NeverHappened());
    }

    [Theory, InlineData("Vast", 12), InlineData("Passing", 80), InlineData("Forgetful", 30)]
    [InlineData("Lives", 50), InlineData("LivesUnsteady", 30), InlineData("Deals", 25)]
    public void Acknowledged_writes_survive_what_is_seldom(string kind, int seeds) => RunWorlds(kind, 1, seeds);

    /// <summary>
    /// Between a commit and the next look at it the voters may have changed: an older primary that is still in office
    /// looks at an older commit meanwhile, a later one learns of it from a snapshot.
    /// </summary>
    [Theory, InlineData("Usual", 216), InlineData("Usual", 1316), InlineData("Orders", 154)]
    public void What_earlier_voters_committed_is_committed(string kind, int seed) =>
        Assert.Null(Worlds.FailureOf(kind, seed));

    /// <summary>
    /// A primary that begins the time anew may find that its log is ahead of its wall clock; of two heartbeats that
    /// come together the later may be an earlier primary's; and a voter may know the time of before it began anew.
    /// </summary>
    [Theory, InlineData(4), InlineData(102), InlineData(523), InlineData(1764), InlineData(3020), InlineData(3719)]
    [InlineData(20707)]
    public void Log_time_goes_no_faster_after_all_were_down(int seed) => Assert.Null(Worlds.FailureOf("Lives", seed));

    /// <summary>One of three was restarted, and heard a voter who knew the time but had missed a term.</summary>
    [Theory, InlineData(20782), InlineData(21142), InlineData(21811), InlineData(21845)]
    public void A_time_that_somebody_knows_goes_on(int seed) =>
        Assert.Null(Worlds.FailureOf("LivesUnsteady", seed));

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void Two_runs_of_a_seed_are_the_same(int seed)
    {
        var (first, second) = (Worlds.Run("Usual", seed), Worlds.Run("Usual", seed));

        Assert.Equal(first.Trace.Hash, second.Trace.Hash);
        Assert.Equal(first.History, second.History);
        Assert.NotEqual(first.Trace.Hash, Worlds.Run("Usual", seed + 1).Trace.Hash);
    }

    /// <summary>
    /// Worlds know nothing of each other, so each core runs some, in the order of their seeds; the first that fails
    /// ends the run.
    /// </summary>
    private Totals RunWorlds(string kind, int from, int count)
    {
        Totals totals = new(Invariant($"{kind} worlds {from} to {from + count - 1}"), output.WriteLine);
        ConcurrentDictionary<int, SimulationFailedException> failures = [];
        var seeds = Partitioner.Create(Enumerable.Range(from, count), EnumerablePartitionerOptions.NoBuffering);
        ParallelOptions cores = new() { MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.ForEach(seeds, cores, (seed, loop) =>
        {
            try
            {
                var begin = Stopwatch.GetTimestamp();
                totals.Add(seed, Worlds.Run(kind, seed), Stopwatch.GetElapsedTime(begin));
            }
            catch (SimulationFailedException failure)
            {
                failures.TryAdd(seed, failure);
                loop.Stop();
            }
        });
        totals.Tell();
        return failures.IsEmpty ? totals : throw failures.MinBy(failure => failure.Key).Value;
    }

    private static int? Setting(string name) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value)
            ? value
            : null;

    /// <summary>What happened in all worlds together.</summary>
    private sealed class Totals(string title, Action<string> tell)
    {
        private static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);

        private readonly Lock _gate = new();
        private readonly long _begin = Stopwatch.GetTimestamp();
        private readonly long[] _events = new long[Enum.GetValues<TraceEvent>().Length];
        private readonly long[] _results = new long[Enum.GetValues<OperationResult>().Length];
        private long _told = Stopwatch.GetTimestamp();
        private (int Seed, TimeSpan Time) _slowest;
        private TimeSpan _busy;
        private long _simulated;
        private long _elections;
        private long _expiries;
        private long _deals;
        private (long Read, long Lost) _watched;
        private int _worlds;

        public void Add(int seed, Simulator world, TimeSpan time)
        {
            lock (_gate)
            {
                if (time > _slowest.Time)
                    _slowest = (seed, time);
                _busy += time;
                _simulated += world.Queue.Now;
                _elections += world.ElectionCount;
                _expiries += world.ExpiryCount;
                _watched = (_watched.Read + world.Watched.Read, _watched.Lost + world.Watched.Lost);
                _deals += world.Bank?.DoneCount ?? 0;
                for (var kind = 0; kind < _events.Length; kind++)
                    _events[kind] += world.Trace.CountOf((TraceEvent)kind);
                foreach (var operation in world.History)
                    _results[(int)operation.Result]++;
                _worlds++;
                if (Stopwatch.GetElapsedTime(_told) < Silence)
                    return;
                _told = Stopwatch.GetTimestamp();
                tell(Invariant($"{_worlds} worlds so far, seed {seed}, {GC.GetTotalMemory(false) >> 20} MiB"));
            }
        }

        public IEnumerable<TraceEvent> NeverHappened() =>
            Enum.GetValues<TraceEvent>().Where(kind => _events[(int)kind] == 0);

        public void Tell()
        {
            var seconds = _simulated / (double)Swarm.Second;
            var elapsed = Stopwatch.GetElapsedTime(_begin).TotalSeconds;
            tell(Invariant($"{title}, {_worlds} of them: {seconds:F0} simulated s in {elapsed:F1} s"));
            tell(Invariant($"{seconds / _busy.TotalSeconds:F0} a second and core"));
            tell(Invariant($"slowest: seed {_slowest.Seed} with {_slowest.Time.TotalSeconds:F2} s"));
            tell(Describe(_results.Index().Select(result => ($"{(OperationResult)result.Index}", result.Item))));
            tell(Describe(_events.Index().Select(kind => ($"{(TraceEvent)kind.Index}", kind.Item))));
            tell(Invariant($"{_elections} elections, {_expiries} values expired, {_deals} transfers done"));
            tell(Invariant($"{_watched.Read} commands watched, some lost {_watched.Lost} times"));
        }

        private static string Describe(IEnumerable<(string Name, long Count)> counts) =>
            string.Join(", ", counts.Select(count => Invariant($"{count.Name} {count.Count}")));
    }
}
