using System.Diagnostics;
using System.Text.Json;
using KvStore.Node.Storage;
using KvStore.Verification;

namespace KvStore.Tests.Cluster;

/// <summary>
/// A process is stopped in the middle of a request, at each failpoint in turn; the others go on without it, and a newer
/// value is acknowledged; then it goes on where it was, with more requests already waiting at its door. A write that
/// was in flight is to a key of its own, of the same partition, so that what became of it is seen afterwards.
/// </summary>
[Collection(nameof(ClusterCollection))]
public sealed class FailpointTests(FailpointCluster shared, ITestOutputHelper output) : IClassFixture<FailpointCluster>
{
    private const string Old = "old";
    private const string New = "new";
    private const string InFlight = "in flight";
    private const int LateReads = 6;
    private const int Tries = 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan ElectionPatience = TimeSpan.FromSeconds(3);
    private static int _keys;

    /// <summary>Where the primary of a read's key stops.</summary>
    public static TheoryData<string> WithRead { get; } =
    [
        "failpoint@read-arrived:1=stop",
        "failpoint@read-stepped:1=stop",
        "failpoint@read-echo-received:1=stop",
        "failpoint@read-confirmed:1=stop",
        "failpoint@read-value-taken:1=stop",
        // the round is sent by who is primary no more
        "failpoint@read-stepped:1=stop; failpoint@requests-lost:1=stop",
    ];

    /// <summary>Where the primary of a write's key stops.</summary>
    public static TheoryData<string> WithWrite { get; } =
    [
        "failpoint@write-arrived:1=stop",
        "failpoint@write-stepped:1=stop",
        "failpoint@write-sent:1=stop",
        "flush@/wal-:1=stop",
        "failpoint@batch-flushed:1=stop",
        "failpoint@write-committed:1=stop",
        "failpoint@write-applied:1=stop",
        "failpoint@write-outcome-known:1=stop",
        "move@.snap:1=stop",
        "flush-folder@snapshots:1=stop",
    ];

    /// <summary>Where another node stops, and what it was asked.</summary>
    public static TheoryData<string, string> WithBackup { get; } = new()
    {
        { "failpoint@hop-begun:1=stop", "Get" },
        { "failpoint@hop-begun:1=stop", "Put" },
        { "failpoint@hop-answered:1=stop", "Get" },
        { "failpoint@hop-answered:1=stop", "Put" },
        { "failpoint@append-received:1=stop", "Put" },
        { "failpoint@heartbeat-received:1=stop", "Get" },
    };

    /// <summary>Where a voter stops.</summary>
    public static TheoryData<string> WithVote { get; } =
        ["failpoint@vote-request-received:1=stop", "failpoint@vote-flushed:1=stop"];

    [Theory]
    [MemberData(nameof(WithRead))]
    public Task A_primary_stopped_in_a_read_answers_nothing_that_was_old_when_it_was_asked(string faults) =>
        StopAsync(faults, OperationKind.Get, atPrimary: true);

    [Theory]
    [MemberData(nameof(WithWrite))]
    public Task A_primary_stopped_in_a_write_tells_no_lie_about_it(string faults) =>
        StopAsync(faults, OperationKind.Put, atPrimary: true);

    [Theory]
    [MemberData(nameof(WithBackup))]
    public Task A_node_stopped_beside_the_primary_passes_on_nothing_old(string faults, string operation) =>
        StopAsync(faults, Enum.Parse<OperationKind>(operation), atPrimary: false);

    /// <summary>The primary is paused for as long as it takes the others to begin an election.</summary>
    [Theory]
    [MemberData(nameof(WithVote))]
    public async Task A_voter_stopped_in_an_election_keeps_its_word(string faults)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Whether a process is stopped is read from /proc.");
        for (var tried = 0; tried < Tries; tried++)
        {
            var key = await WriteOldAsync();
            var primary = await shared.PrimaryOfAsync(key);
            var voter = shared.Cluster.Nodes.First(node => node != primary);
            await voter.SetFaultsAsync(faults);
            if (!voter.IsPaused)    // by an election of its own
            {
                await primary.PauseAsync();
                await StopsAsync(voter, ElectionPatience);
                await primary.ContinueAsync();
            }

            if (!voter.IsPaused)
                await voter.SetFaultsAsync("");    // it was itself the one that asked
            if (voter.IsPaused)
            {
                await GoOnAsync(key, voter, Task.CompletedTask, stops: 1);
                return;
            }
        }

        Assert.Fail($"{Tries} elections did not come to {faults}.");
    }

    [Fact]
    public void A_process_is_stopped_at_every_failpoint()
    {
        var stopped = string.Join(' ', [
            .. WithRead.Concat(WithWrite).Concat(WithVote).Select(row => row.Data),
            .. WithBackup.Select(row => row.Data.Item1),
            .. TransactionCrashTests.Steps.Select(row => row.Data.Item1),
        ]);
        Assert.All(Enum.GetNames<Failpoint>(), failpoint => Assert.Contains(
            $"failpoint@{JsonNamingPolicy.KebabCaseLower.ConvertName(failpoint)}:1=stop", stopped));
    }

    private async Task StopAsync(string faults, OperationKind op, bool atPrimary)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Whether a process is stopped is read from /proc.");
        for (var tried = 0; tried < Tries; tried++)
        {
            var key = await WriteOldAsync();
            var primary = await shared.PrimaryOfAsync(key);
            var stopping = atPrimary ? primary : shared.Cluster.Nodes.First(node => node != primary);
            var asked = faults.Contains("append", StringComparison.Ordinal) ? primary : stopping;
            await WarmUpAsync(stopping, key);
            await stopping.SetFaultsAsync(faults);
            var request = op == OperationKind.Put
                ? shared.AskAsync(asked, op, BesideOf(key), InFlight)
                : shared.AskAsync(asked, op, key);
            if (await StopsAsync(stopping, faults.StartsWith("failpoint", StringComparison.Ordinal) ? request : null))
            {
                await GoOnAsync(key, stopping, request, faults.Split(';').Length);
                return;
            }

            await stopping.SetFaultsAsync("");    // the office moved between the questions
        }

        Assert.Fail($"{Tries} requests did not come to {faults}.");
    }

    /// <summary>Another key of the same partition.</summary>
    private static string BesideOf(string key) => $"{key}/beside";

    private async Task<string> WriteOldAsync()
    {
        var key = $"{{failpoint-{Interlocked.Increment(ref _keys)}}}";
        var node = shared.Cluster.Nodes[_keys % 3];
        await shared.AskAtLastAsync(node, OperationKind.Put, key, Old);
        await shared.AskAtLastAsync(node, OperationKind.Put, BesideOf(key), Old);
        return key;
    }

    /// <summary>
    /// Connections that are open and accepted when the process stops, for what is to wait at its door.
    /// </summary>
    private Task WarmUpAsync(TestProcess node, string key) => Task.WhenAll(
        Enumerable.Range(0, LateReads + 1).Select(_ => shared.AskAsync(node, OperationKind.Get, key)));

    private async Task GoOnAsync(string key, TestProcess stopped, Task request, int stops)
    {
        var others = shared.Cluster.Nodes.Where(node => node != stopped).ToList();
        string[] keys = [key, BesideOf(key)];
        var watch = Stopwatch.StartNew();
        try
        {
            await shared.AskAtLastAsync(others[0], OperationKind.Put, key, New);
            Assert.True(stopped.IsPaused);
        }
        catch
        {
            await stopped.ContinueAsync();
            throw;
        }

        output.WriteLine($"{stopped.Name} stopped; acknowledged elsewhere after {watch.ElapsedMilliseconds} ms");
        var late = Enumerable.Range(0, LateReads)
            .Select(number => shared.AskAsync(stopped, OperationKind.Get, keys[number % 2])).ToList();
        await stopped.ContinueAsync();
        for (var stop = 1; stop < stops; stop++)
        {
            Assert.True(await StopsAsync(stopped, Patience));
            await stopped.ContinueAsync();
        }

        await request;
        foreach (var told in await Task.WhenAll(late))
        {
            output.WriteLine($"{told.Result} {told.Value}");
            if (told.Result == OperationResult.Ok && told.Key == key)
                Assert.True(told.Value == New, $"A read sent after '{New}' found '{told.Value}'.");
        }

        await stopped.SetFaultsAsync("");
        foreach (var (node, judged) in shared.Cluster.Nodes.SelectMany(node => keys.Select(judged => (node, judged))))
            await shared.AskAtLastAsync(node, OperationKind.Get, judged);
        Assert.All(keys, shared.AssertLegal);
    }

    /// <summary>False: the request was answered, and the process goes on.</summary>
    private async Task<bool> StopsAsync(TestProcess node, Task? request)
    {
        await shared.Cluster.EventuallyAsync(
            () => Task.FromResult(node.IsPaused || request is { IsCompleted: true }), $"{node.Name} stops");
        return node.IsPaused;
    }

    private static async Task<bool> StopsAsync(TestProcess node, TimeSpan patience)
    {
        var watch = Stopwatch.StartNew();
        while (!node.IsPaused && watch.Elapsed < patience)
            await Task.Delay(5);
        return node.IsPaused;
    }
}
