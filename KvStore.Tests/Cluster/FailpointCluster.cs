using System.Diagnostics;
using KvStore.Cli.Chaos.Load;
using KvStore.Contracts;
using KvStore.Verification;

namespace KvStore.Tests.Cluster;

/// <summary>
/// A cluster whose processes can be stopped at failpoints, for all tests that do; its clients keep a history.
/// </summary>
public sealed class FailpointCluster : IAsyncLifetime
{
    private readonly Lock _gate = new();
    private readonly List<HistoryOperation> _history = [];
    private TestCluster? _cluster;
    private int _clients;

    /// <summary>Three nodes.</summary>
    public TestCluster Cluster => _cluster!;

    public async ValueTask InitializeAsync() => _cluster = await TestCluster.StartAsync(
        3,
        ("KvStore__AllowFaults", "true"),
        ("KVSTORE_PARTITIONS", "16"),
        ("KVSTORE_SNAPSHOT_INTERVAL", "1s"));

    public ValueTask DisposeAsync() => Cluster.DisposeAsync();

    /// <summary>Has a client of its own ask a node, and notes what it was told.</summary>
    internal async Task<HistoryOperation> AskAsync(TestProcess at, OperationKind op, string key, string? value = null)
    {
        var client = Interlocked.Increment(ref _clients);
        HistoryOperation asked = new()
        {
            Client = client,
            CallNs = Now(),
            Op = op,
            Key = key,
            Value = value,
            Result = OperationResult.Unknown,
        };
        var door = new Door(at.Http.BaseAddress!.ToString().TrimEnd('/'), Node: null);
        var answer = await Attempt.SendAsync(at.Http, door, asked, $"failpoint-{client}", TimeSpan.FromSeconds(10));
        var told = asked with
        {
            ReturnNs = Now(),
            Value = answer.Value ?? value,
            Found = answer.Found,
            Etag = answer.Etag,
            Result = answer.Result,
        };
        lock (_gate)
            _history.Add(told);
        return told;
    }

    /// <summary>Asks until it is done.</summary>
    internal async Task AskAtLastAsync(TestProcess at, OperationKind op, string key, string? value = null)
    {
        HistoryOperation? told = null;
        await Cluster.EventuallyAsync(
            async () => (told = await AskAsync(at, op, key, value)).Result == OperationResult.Ok, $"{op} at {at.Name}");
    }

    /// <summary>Who leads the group of a key.</summary>
    internal async Task<TestProcess> PrimaryOfAsync(string key)
    {
        using var answer = await Cluster.Door.GetAsync($"{Routes.Keys}{key}");
        var name = answer.Headers.GetValues(KvHeaders.ServedBy).Single();
        return Cluster.Nodes.Single(node => node.Name == name);
    }

    /// <summary>Judges all that was told about a key.</summary>
    internal void AssertLegal(string key)
    {
        HistoryOperation[] told;
        lock (_gate)
            told = [.. _history.Where(operation => operation.Key == key)];
        var judgement = new LinearizabilityChecker(hasUniqueEtags: true).Judge(told);
        var story = string.Join(Environment.NewLine, told.OrderBy(operation => operation.CallNs));
        Assert.True(judgement.Verdict == Verdict.Legal, $"{judgement.Why}{Environment.NewLine}{story}");
    }

    private static long Now() => (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));
}
