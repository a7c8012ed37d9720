using System.Globalization;
using System.Net.Http.Json;
using KvStore.Cli;
using KvStore.Cli.Chaos;
using KvStore.Cli.Chaos.Faults;
using KvStore.Cli.Chaos.Links;
using KvStore.Contracts;
using KvStore.Tests.Cluster;

namespace KvStore.Tests.Cli.Chaos.Faults;

/// <summary>Each fault strikes a real cluster, for as short as it can, while somebody writes through it.</summary>
[Collection(nameof(ClusterCollection))]
public sealed class FaultTests(ChaosClusterFixture fixture) : IClassFixture<ChaosClusterFixture>, IAsyncLifetime
{
    private const string Ok = "OK";

    private readonly HashSet<string> _seen = [];

    private ChaosCluster Cluster => fixture.Cluster;

    public ValueTask InitializeAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Links need all loopback addresses.");
        return ValueTask.CompletedTask;
    }

    /// <summary>The next test finds the cluster as this one did.</summary>
    public async ValueTask DisposeAsync()
    {
        if (OperatingSystem.IsLinux())
            await fixture.HealAsync();
    }

    [Fact]
    public async Task A_stop_costs_nothing()
    {
        var life = Cluster.Nodes[0].Pid;

        var struck = await StrikeAsync("stop", WriteAsync);

        Assert.Equal("stopped node1 for 0.0 s", struck.Done);
        Assert.NotEqual(life, Cluster.Nodes[0].Pid);
        Assert.Equal([Ok], _seen);
    }

    [Theory]
    [InlineData("slow-disk", "flush=slow:20ms")]
    [InlineData("hanging-disk", "flush=slow:60s")]
    public async Task A_disk_that_is_slow_costs_its_cluster_nothing_and_is_mended_at_the_end(string kind, string faults)
    {
        HashSet<string> told = [];
        var strikes = StrikeAsync(kind, WriteAsync);
        while (!strikes.IsCompleted)    // beside the writes, of which one may wait as long as the disk hangs
            told.Add(await FaultsOfAsync(Cluster.Nodes[0]));

        Assert.Equal([Cluster.Nodes[0]], (await strikes).Nodes);
        Assert.Equal([Ok], _seen);
        Assert.Contains(faults, told);
        Assert.Equal("", await FaultsOfAsync(Cluster.Nodes[0]));
    }

    [Fact]
    public async Task On_a_full_disk_values_are_refused_and_all_else_goes_on()
    {
        HashSet<string> others = [];

        await StrikeAsync("full-disk", async key =>
        {
            await WriteAsync(key);
            using var deleted = await fixture.Door.DeleteAsync($"/v1/{key}");
            using var read = await fixture.Door.GetAsync($"/v1/{key}");
            others.Add($"{(int)deleted.StatusCode} {(int)read.StatusCode}");
        });

        Assert.Equal(["507", Ok], _seen.Order(StringComparer.Ordinal));
        Assert.All(others, pair => Assert.Contains(pair, (string[])["200 404", "404 404"]));
        Assert.Equal("", await FaultsOfAsync(Cluster.Nodes[0]));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        for (var key = 0; key < 100; key++)
        {
            while (!await IsTakenAsync($"full-disk/{key}"))
                patience.Token.ThrowIfCancellationRequested();
        }
    }

    [Fact]
    public async Task A_node_whose_flush_failed_has_ended_with_a_word_and_has_come_back()
    {
        var life = Cluster.Nodes[0].Pid;

        await StrikeAsync("failing-flush", WriteAsync);

        Assert.NotEqual(life, Cluster.Nodes[0].Pid);
        Assert.Equal([Ok], _seen);
        var log = await File.ReadAllTextAsync(
            Path.Combine(Cluster.Nodes[0].Topology.Directory, "output.log"), TestContext.Current.CancellationToken);
        Assert.Contains("failed: Input/output error (5), as was asked for.", log);
        Assert.Empty(Cluster.Deaths);    // this one was no surprise
    }

    [Theory]
    [InlineData("throttle")]
    [InlineData("truncated")]
    [InlineData("half-open")]
    [InlineData("partition-deaf")]
    public async Task Bad_links_cost_time_and_are_open_at_the_end(string kind)
    {
        HashSet<LinkState> states = [];

        await StrikeAsync(kind, async key =>
        {
            states.UnionWith(Cluster.Mesh.Links.Select(link => link.State));
            await WriteAsync(key);
        });

        Assert.Equal([Ok], _seen);
        Assert.Equal(2, states.Count);
        Assert.All(Cluster.Mesh.Links, link => Assert.Equal(LinkState.Open, link.State));
    }

    [Fact]
    public async Task A_node_that_goes_on_when_it_must_end_is_a_failure()
    {
        var node = Cluster.Nodes[1];

        var failure = await Assert.ThrowsAsync<FailureException>(() => node.EndsWithAsync(0, TimeSpan.Zero));

        Assert.Equal("node2 should have ended and still runs after 0 s.", failure.Message);
    }

    /// <summary>Has the fault strike, and repeats an act on other keys until it has ended.</summary>
    private async Task<Struck> StrikeAsync(string kind, Func<string, Task> act)
    {
        var fault = FaultCatalogue.Find(kind).RunAsync(Cluster, new Least());
        for (var key = 0; !fault.IsCompleted; key++)
            await act(string.Create(CultureInfo.InvariantCulture, $"{kind}/{key % 100}"));
        return await fault;
    }

    private async Task WriteAsync(string key)
    {
        using var answer = await fixture.Door.PutAsync($"/v1/{key}", new StringContent("value"));
        _seen.Add(answer.IsSuccessStatusCode ? Ok : $"{(int)answer.StatusCode}");
    }

    private async Task<bool> IsTakenAsync(string key)
    {
        using var answer = await fixture.Door.PutAsync($"/v1/{key}", new StringContent("value"));
        return answer.IsSuccessStatusCode;
    }

    private async Task<string> FaultsOfAsync(ChaosNode node)
    {
        var document = await fixture.Door.GetFromJsonAsync(
            node.Child.Url + Routes.Faults, ContractsJson.Default.FaultsDocument);
        return document!.Faults;
    }

    /// <summary>Draws the first of all: node1, for the shortest time.</summary>
    private sealed class Least() : Random(0)
    {
        public override int Next(int maxValue) => 0;

        public override int Next(int minValue, int maxValue) => minValue;

        public override double NextDouble() => 0;
    }
}
