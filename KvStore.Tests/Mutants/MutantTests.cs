using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using KvStore.Tests.Node.Storage;
using KvStore.Tests.Simulation;

namespace KvStore.Tests.Mutants;

/// <summary>
/// The tests have teeth: whatever law is broken in the code, a world or a disk shows it, at the seed that is recorded
/// with the mutant. KVSTORE_MUTANT_SEEDS=n searches the first n seeds for it instead, KVSTORE_MUTANT=text only for the
/// mutants whose names contain the text.
/// </summary>
public sealed class MutantTests(ITestOutputHelper output)
{
    /// <summary>A log has threads of its own, so a seed does not say all; one of a few in a row must show it.</summary>
    private const int DiskSeeds = 40;

    /// <summary>What of a node is simulated as it is, and therefore may be broken like the core.</summary>
    private static readonly string[] Shared =
    [
        "KvStore.Node/Replication/AppliedChanges.cs",
        "KvStore.Node/Replication/ChangeHistory.cs",
        "KvStore.Node/Replication/HistoryBudget.cs",
        "KvStore.Node/Replication/IClusterPartitions.cs",
        "KvStore.Node/Replication/KeysQuery.cs",
        "KvStore.Node/Replication/ExpiryPace.cs",
        "KvStore.Node/Replication/LogClock.cs",
        "KvStore.Node/Replication/Outcomes.cs",
        "KvStore.Node/Replication/RandomIds.cs",
        "KvStore.Node/Storage/Failpoints.cs",
        "KvStore.Node/Transactions/ClusterTransactions.cs",
        "KvStore.Node/Transactions/OpenAttempts.cs",
        "KvStore.Node/Transactions/TransactionPlan.cs",
        "KvStore.Node/Transactions/TransactionResult.cs",
        "KvStore.Node/Transactions/TransactionSettler.cs",
    ];

    private static readonly MutantCompiler Simulated = new(
        "KvStore.Tests.Simulation.Worlds",
        new Layer("KvStore.Core", "KvStore.Core/"),
        new Layer("KvStore.Tests", "KvStore.Tests/Simulation/") { Also = Shared },
        "KvStore.Verification");

    private static readonly MutantCompiler Stored = new(
        "KvStore.Tests.Node.Storage.Disks",
        new Layer("KvStore.Node", "KvStore.Node/Storage/", "NodeStorage.cs", "DiskWatch.cs")
        {
            Also = ["KvStore.Node/Telemetry/NodeMetrics.cs", "KvStore.Node/Telemetry/NodeTracing.cs"],
        },
        new Layer("KvStore.Tests", "KvStore.Tests/Node/Storage/"),
        "KvStore.Core");

    [Fact]
    public void A_core_that_breaks_a_law_is_found_out() => AllAreFound(CoreMutants.All, Simulated, seeds: 1);

    [Fact]
    public void A_node_that_breaks_a_law_is_found_out() => AllAreFound(NodeMutants.All, Simulated, seeds: 1);

    [Fact]
    public void A_host_that_breaks_a_law_is_found_out() => AllAreFound(HostMutants.All, Simulated, seeds: 1);

    [Fact]
    public void A_storage_that_breaks_a_law_is_found_out() => AllAreFound(StorageMutants.All, Stored, DiskSeeds);

    [Fact]
    public void Nothing_is_found_at_the_same_seeds_when_no_law_is_broken()
    {
        var worlds = CoreMutants.All.Concat(HostMutants.All).Concat(NodeMutants.All)
            .Select(mutant => (mutant.World, mutant.Seed)).Distinct();
        var disks = StorageMutants.All.SelectMany(mutant =>
            Enumerable.Range(mutant.Seed, DiskSeeds).Select(seed => (mutant.World, Seed: seed))).Distinct();
        ConcurrentBag<string> found = [];
        ParallelOptions cores = new() { MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.ForEach(worlds, cores, world => Note(found, Worlds.FailureOf(world.World, world.Seed)));
        Parallel.ForEach(disks, cores, disk => Note(found, Disks.FailureOf(disk.World, disk.Seed)));
        Assert.Empty(found);
    }

    private static void Note(ConcurrentBag<string> found, string? failure)
    {
        if (failure is not null)
            found.Add(failure);
    }

    private void AllAreFound(IEnumerable<Mutant> mutants, MutantCompiler compiler, int seeds)
    {
        ConcurrentBag<string> unfound = [];
        var only = Environment.GetEnvironmentVariable("KVSTORE_MUTANT") ?? "";
        var chosen = mutants.Where(mutant => mutant.ToString().Contains(only, StringComparison.Ordinal));
        Parallel.ForEach(chosen, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, mutant =>
        {
            var stopwatch = Stopwatch.StartNew();
            var (from, count) = Setting() is { } searched ? (1, searched) : (mutant.Seed, seeds);
            var report = compiler.With(mutant, failureOf => Search(failureOf, mutant.World, from, count));
            if (!report.IsFound)
                unfound.Add($"{mutant}: {report.Text}");
            output.WriteLine($"{mutant}: {stopwatch.Elapsed.TotalSeconds:F1} s, {report.Text}");
        });
        Assert.Empty(unfound);
    }

    private static (bool IsFound, string Text) Search(
        Func<string, int, string?> failureOf, string world, int from, int count)
    {
        var crash = "nothing went wrong";
        for (var seed = from; seed < from + count; seed++)
        {
            if (failureOf(world, seed) is not { } failure)
                continue;
            var line = failure.Split('\n')[0];
            if (!failure.StartsWith(Worlds.Crash, StringComparison.Ordinal))
                return (true, $"{world} {seed}: {line}");
            crash = line;
        }

        return (false, $"seeds {from} to {from + count - 1} of {world} show no broken law; {crash}");
    }

    private static int? Setting() =>
        Environment.GetEnvironmentVariable("KVSTORE_MUTANT_SEEDS") is { } seeds
            ? int.Parse(seeds, CultureInfo.InvariantCulture)
            : null;
}
