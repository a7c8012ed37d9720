using System.Text.Json;
using KvStore.Cli.Chaos;
using KvStore.Tests.Cluster;
using KvStore.Verification;

namespace KvStore.Tests.Cli.Chaos;

[Collection(nameof(ClusterCollection))]
public sealed class ChaosProcessTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kvstore-chaos-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task A_real_cluster_keeps_its_promises_under_faults_and_a_lie_in_its_history_is_found()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Links need all loopback addresses.");
        var file = Path.Combine(_root, "history.jsonl");
        using var run = new MemoryTerminal();
        var code = await run.RunAsync(
            "chaos", "--seed", "1", "--rounds", "3", "--faults", "full-disk,kill,partition-deaf",
            "--data", Path.Combine(_root, "data"), "--history", file);

        Assert.True(code == 0, run.Output + run.Errors);
        var verdict = JsonSerializer.Deserialize(run.Output.TrimEnd().Split('\n')[^1], ChaosJson.Lines.ChaosEvent)!;
        Assert.Equal(("verdict", 0), (verdict.Event, verdict.Violations));
        Assert.InRange(verdict.Operations!.Ok, 100, int.MaxValue);
        Assert.All(
            (int[])[verdict.Load!.Transactions, verdict.Load.Increments, verdict.Load.Races, verdict.Load.Events],
            count => Assert.InRange(count, 10, int.MaxValue));
        Assert.InRange(verdict.Load.Streams, 4, int.MaxValue);    // a cut is taken up, in three rounds
        Assert.All(verdict.Faults!.Values, cost => Assert.True(cost is { Calm: not null, Struck: not null }));
        Assert.Contains(verdict.Faults, kind => kind.Key.StartsWith("full-disk", StringComparison.Ordinal)
            && kind.Value.RefusedByStatus!["507"] > 0);
        Assert.Contains(File.ReadLines(file), line => line.Contains("\"status\":507", StringComparison.Ordinal));
        Assert.Equal(0, await JudgeAsync(file));

        Tamper(file);
        Assert.Equal(1, await JudgeAsync(file));
    }

    private static async Task<int> JudgeAsync(string file)
    {
        using var terminal = new MemoryTerminal();
        return await terminal.RunAsync("chaos", "--judge", file);
    }

    /// <summary>The last read of a value finds the first value that was written to its key.</summary>
    private static void Tamper(string file)
    {
        List<HistoryOperation> history;
        using (var reader = File.OpenText(file))
            history = [.. HistoryFormat.Read(reader)];
        HistoryOperation FirstOf(string key) => history.First(operation =>
            operation is { Op: OperationKind.Put, Result: OperationResult.Ok } && operation.Key == key);
        var read = history.FindLastIndex(operation => operation is { Op: OperationKind.Get, Found: true }
            && FirstOf(operation.Key).Value != operation.Value);
        var first = FirstOf(history[read].Key);
        history[read] = history[read] with { Value = first.Value, Etag = first.Etag };
        using var writer = new StreamWriter(file);
        HistoryFormat.Write(writer, history);
    }
}
