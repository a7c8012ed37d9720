using System.Diagnostics;
using System.Globalization;
using KvStore.Tests.Simulation.Checkers;
using static System.FormattableString;

namespace KvStore.Tests.Simulation;

/// <summary>
/// Worlds by seed. KVSTORE_SIM_SEED=n runs that one and prints its last events; KVSTORE_SIM_SEEDS=n and
/// KVSTORE_SIM_FROM=n run n seeds from the given one on.
/// </summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    private const int NormalSeeds = 200;
    private const int ReplayLines = 3000;
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(30);

    [Fact]
    public void Acknowledged_writes_survive_crashes_and_partitions()
    {
        if (Setting("KVSTORE_SIM_SEED") is { } single)
        {
            var world = RunWorld(single, ReplayLines);
            output.WriteLine(string.Join('\n', world.Trace.Lines));
            return;
        }

        var (from, count) = (Setting("KVSTORE_SIM_FROM") ?? 1, Setting("KVSTORE_SIM_SEEDS") ?? NormalSeeds);
        RunWorlds(from, count);
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void Two_runs_of_a_seed_are_the_same(int seed)
    {
        var (first, second) = (RunWorld(seed, 0), RunWorld(seed, 0));

        Assert.Equal(first.Trace.Hash, second.Trace.Hash);
        Assert.Equal(first.History, second.History);
        Assert.NotEqual(first.Trace.Hash, RunWorld(seed + 1, 0).Trace.Hash);
    }

    private void RunWorlds(int from, int count)
    {
        var stopwatch = Stopwatch.StartNew();
        var counts = new long[Enum.GetValues<TraceEvent>().Length];
        var results = new long[Enum.GetValues<OperationResult>().Length];
        var (simulated, elections) = (0L, 0L);
        var slowest = (Seed: 0, Time: TimeSpan.Zero);
        for (var seed = from; seed < from + count; seed++)
        {
            var begin = stopwatch.Elapsed;
            var world = RunWorld(seed, 0);
            if (stopwatch.Elapsed - begin > slowest.Time)
                slowest = (seed, stopwatch.Elapsed - begin);
            simulated += world.Queue.Now;
            elections += world.ElectionCount;
            foreach (var kind in Enum.GetValues<TraceEvent>())
                counts[(int)kind] += world.Trace.CountOf(kind);
            foreach (var operation in world.History)
                results[(int)operation.Result]++;
        }

        var (seconds, elapsed) = (simulated / (double)Swarm.Second, stopwatch.Elapsed.TotalSeconds);
        output.WriteLine(Invariant($"seeds {from} to {from + count - 1}: {seconds:F0} simulated s in {elapsed:F1} s"));
        output.WriteLine(Invariant($"{seconds / elapsed:F0} simulated s a second"));
        output.WriteLine(Invariant($"slowest: seed {slowest.Seed} with {slowest.Time.TotalSeconds:F2} s"));
        output.WriteLine(Describe(results.Index().Select(result => ($"{(OperationResult)result.Index}", result.Item))));
        var events = counts.Index().Select(kind => ($"{(TraceEvent)kind.Index}", kind.Item));
        output.WriteLine(Describe(events.Append(("Election", elections))));
        Assert.All(counts, (happened, kind) => Assert.True(happened > 0, $"{(TraceEvent)kind} never happened"));
    }

    private static string Describe(IEnumerable<(string Name, long Count)> counts) =>
        string.Join(", ", counts.Select(count => Invariant($"{count.Name} {count.Count}")));

    private static Simulator RunWorld(int seed, int keptLines)
    {
        Simulator world = new(seed, Swarm.Draw(seed), keptLines: keptLines);
        world.Run(Duration);
        world.HealAndSettle();
        return world;
    }

    private static int? Setting(string name) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value)
            ? value
            : null;
}
