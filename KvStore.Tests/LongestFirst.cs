using KvStore.Tests;
using KvStore.Tests.Mutants;
using KvStore.Tests.Node.Storage;
using KvStore.Tests.Simulation;
using KvStore.Tests.Verification;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(LongestFirst))]

namespace KvStore.Tests;

/// <summary>
/// Begins with what takes longest, so that the run does not end with one of these alone on one core. No test depends
/// on it.
/// </summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly Type[] Longest =
    [
        typeof(MutantTests), typeof(CrashTests), typeof(SimulationTests), typeof(SecondJudgeTests), typeof(DamageTests),
    ];

    /// <inheritdoc/>
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(
        IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [.. testCollections.OrderBy(collection => RankOf(collection.TestCollectionDisplayName))];

    private static int RankOf(string collection)
    {
        var at = Array.FindIndex(Longest, type => collection.Contains(type.FullName!, StringComparison.Ordinal));
        return at < 0 ? Longest.Length : at;
    }
}
