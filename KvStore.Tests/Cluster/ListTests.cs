using System.Net;
using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Tests.Cluster;

/// <summary>Lists and removals of many keys on three real nodes, of which one is killed at the end.</summary>
[Collection(nameof(ClusterCollection))]
public sealed class ListTests
{
    private const int Kept = 600;

    [Fact]
    public async Task Lists_are_whole_while_others_write_from_any_node_and_gone_with_a_node_that_held_a_part()
    {
        await using var cluster = await TestCluster.StartAsync();
        await Parallel.ForEachAsync(Enumerable.Range(0, Kept), async (number, _) =>
            Assert.True((await PutAsync(cluster.Door, $"kept/{number:d4}")).IsSuccessStatusCode));
        using var ended = new CancellationTokenSource();
        var writer = ChurnAsync(cluster.Door, ended.Token);

        foreach (var order in (string[])["asc", "desc"])
            await PagesAreWholeAsync(cluster, order);
        await StreamIsWholeAsync(cluster.Door);
        await StreamIsWholeAsync(cluster.Nodes[1].Http);
        for (var round = 0; round < 20; round++)
        {
            var key = $"fresh/{round}";
            await PutAsync(cluster.Nodes[round % 3].Http, key);
            var listed = await ListAsync(cluster.Nodes[(round + 1) % 3].Http, $"?prefix={key}&limit=5");
            Assert.Contains(listed.Items, item => item.Key == key);
        }

        await ended.CancelAsync();
        await writer;
        await RemovalLeavesTheRestAsync(cluster);

        var page = await ListAsync(cluster.Nodes[0].Http, "?limit=10");
        await cluster.Nodes[2].KillAsync();
        foreach (var node in cluster.Nodes.Take(2))
        {
            using var gone = await node.Http.GetAsync($"/buckets/default/keys?limit=10&cursor={page.Cursor}");
            Assert.Equal(HttpStatusCode.Gone, gone.StatusCode);
        }

        var again = await ListAsync(cluster.Door, "?prefix=kept/&limit=1000&count=true");
        Assert.Equal((Kept, (long?)Kept), (again.Items.Length, again.Count));
    }

    /// <summary>Every key that was there throughout once, none twice, in order; every page from another node.</summary>
    private static async Task PagesAreWholeAsync(TestCluster cluster, string order)
    {
        var keys = new List<string>();
        var query = $"?limit=37&order={order}";
        var cursor = default(string);
        for (var turn = 0; ; turn++)
        {
            var page = await ListAsync(
                cluster.Nodes[turn % 3].Http, cursor is null ? query : $"{query}&cursor={cursor}");
            keys.AddRange(page.Items.Select(item => item.Key));
            cursor = page.Cursor;
            if (cursor is null)
                break;
        }

        var sorted = keys.Order(StringComparer.Ordinal).Distinct();
        Assert.Equal(order == "asc" ? sorted : sorted.Reverse(), keys);
        Assert.Equal(
            Enumerable.Range(0, Kept).Select(number => $"kept/{number:d4}"),
            keys.Where(key => key.StartsWith("kept/", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    private static async Task StreamIsWholeAsync(HttpClient door)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/buckets/default/keys?prefix=kept/&values=full");
        request.Headers.Accept.ParseAdd("application/x-ndjson");
        using var answer = await door.SendAsync(request);
        var lines = (await answer.Content.ReadAsStringAsync()).TrimEnd('\n').Split('\n');
        Assert.Equal(Kept + 1, lines.Length);
        var end = JsonSerializer.Deserialize(lines[^1], ContractsJson.Default.KeyListEnd)!;
        Assert.Equal((true, (long)Kept), (end.End, end.Count));
    }

    private static async Task RemovalLeavesTheRestAsync(TestCluster cluster)
    {
        using var dry = await cluster.Door.DeleteAsync("/buckets/default/keys?prefix=churn/&dry_run=true");
        var count = JsonSerializer.Deserialize(
            await dry.Content.ReadAsStringAsync(), ContractsJson.Default.RangeCountResponse)!.Count;
        Assert.InRange(count, 1, 10_000);
        using var done = await cluster.Nodes[1].Http.DeleteAsync(
            $"/buckets/default/keys?prefix=churn/&confirm={count}");
        Assert.Equal($$"""{"deleted":{{count}},"changed":0}""", await done.Content.ReadAsStringAsync());
        Assert.Empty((await ListAsync(cluster.Nodes[0].Http, "?prefix=churn/")).Items);
        Assert.Equal(Kept, (await ListAsync(cluster.Nodes[2].Http, "?prefix=kept/&limit=1000")).Items.Length);
    }

    private static async Task ChurnAsync(HttpClient door, CancellationToken ended)
    {
        for (var number = 0; !ended.IsCancellationRequested; number++)
        {
            await PutAsync(door, $"churn/{number % 300}");
            using var deleted = await door.DeleteAsync(
                $"/v1/churn/{(number * 7 + 150) % 300}", CancellationToken.None);
            await PutAsync(door, $"kept/{number % Kept:d4}");
        }
    }

    private static async Task<HttpResponseMessage> PutAsync(HttpClient door, string key) =>
        await door.PutAsync($"/v1/{key}", new StringContent("v"));

    private static async Task<KeyListResponse> ListAsync(HttpClient door, string query)
    {
        using var answer = await door.GetAsync("/buckets/default/keys" + query);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonSerializer.Deserialize(text, ContractsJson.Default.KeyListResponse)!;
    }
}
