using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace KvStore.AppHost.Tests;

/// <summary>What the README walks through, against the cluster that Aspire starts.</summary>
public sealed class JourneyTests(RunningAppHost host) : IClassFixture<RunningAppHost>
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task The_walk_through_passes_through_the_balancer()
    {
        using var patience = new CancellationTokenSource(Patience);
        using var written = await host.Door.PostAsJsonAsync("/v1/user:1", new { value = "Ada" }, patience.Token);
        Assert.Equal(HttpStatusCode.OK, written.StatusCode);
        Assert.Equal("Ada", await ValueOfAsync("user:1", patience.Token));
        using var deleted = await host.Door.DeleteAsync("/v1/user:1", patience.Token);
        Assert.Equal(HttpStatusCode.OK, deleted.StatusCode);
        using var absent = await host.Door.GetAsync("/v1/user:1", patience.Token);
        Assert.Equal(HttpStatusCode.NotFound, absent.StatusCode);
    }

    [Fact]
    public async Task Reads_and_writes_go_on_while_a_node_is_stopped_from_the_dashboard()
    {
        using var patience = new CancellationTokenSource(Patience);
        for (var i = 0; i < 20; i++)
            await WriteAsync($"kept:{i}", patience.Token);
        await host.StopAsync("node2", patience.Token);
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("kept", await ValueOfAsync($"kept:{i}", patience.Token));
            await WriteAsync($"meanwhile:{i}", patience.Token);
        }

        await host.StartAsync("node2", patience.Token);
        for (var i = 0; i < 20; i++)
            Assert.Equal("kept", await ValueOfAsync($"meanwhile:{i}", patience.Token));
    }

    /// <summary>What the command on the dashboard asks for.</summary>
    [Fact]
    public async Task A_snapshot_of_all_nodes_can_be_taken()
    {
        using var patience = new CancellationTokenSource(Patience);
        await WriteAsync("saved", patience.Token);
        using var taken = await host.Door.PostAsync("/admin/snapshots", content: null, patience.Token);
        Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
        var nodes = (await taken.Content.ReadFromJsonAsync<JsonElement>(patience.Token)).GetProperty("nodes");
        Assert.Equal(3, nodes.GetArrayLength());
    }

    private async Task WriteAsync(string key, CancellationToken cancellation)
    {
        using var written = await host.Door.PostAsJsonAsync($"/v1/{key}", new { value = "kept" }, cancellation);
        Assert.Equal(HttpStatusCode.OK, written.StatusCode);
    }

    private async Task<string?> ValueOfAsync(string key, CancellationToken cancellation) =>
        (await host.Door.GetFromJsonAsync<JsonElement>($"/v1/{key}", cancellation)).GetProperty("value").GetString();
}
