using System.Net;
using System.Text;
using System.Text.Json;

namespace KvStore.Tests.Cluster;

/// <summary>Transactions and batches on three real nodes: no test stops one.</summary>
[Collection(nameof(ClusterCollection))]
public sealed class TransactionTests(WalkThroughTests.Started started) : IClassFixture<WalkThroughTests.Started>
{
    private const int Accounts = 10;
    private const int Units = 100;

    private readonly TestCluster _cluster = started.Cluster;

    [Fact]
    public async Task Transfers_over_all_partitions_lose_no_unit_and_nobody_sees_half_of_one()
    {
        await PostAsync(_cluster.Door, "batch", Many("ops", account =>
            $$"""{"op":"put","key":"account/{{account}}","value":{{Units}}}"""));
        using var ended = new CancellationTokenSource();
        var reader = ReadUntilAsync(ended.Token);
        await Task.WhenAll(Enumerable.Range(0, 6).Select(TransferAsync));
        await ended.CancelAsync();
        Assert.True(await reader > 0);
        Assert.Equal(Accounts * Units, await SumAsync(_cluster.Door));
    }

    [Fact]
    public async Task A_retry_at_another_node_gets_the_first_answer()
    {
        const string body =
            """
            {"then":[{"op":"increment","key":"retry/1"},
                     {"op":"increment","key":"retry/2"},
                     {"op":"increment","key":"retry/3"}]}
            """;
        var first = await PostAsync(Door(0), "txn", body, idempotencyKey: "retried");
        var again = await PostAsync(Door(1), "txn", body, idempotencyKey: "retried");
        Assert.Equal(first, again);
        var last = JsonDocument.Parse(first).RootElement.GetProperty("results")[2];
        Assert.Equal(1, last.GetProperty("value").GetInt64());
    }

    [Fact]
    public async Task A_batch_of_a_thousand_comes_through_the_balancer_and_is_read_at_any_node()
    {
        static string Ops(Func<int, string> op) =>
            $$"""{"ops":[{{string.Join(',', Enumerable.Range(0, 1000).Select(op))}}]}""";
        var written = JsonDocument.Parse(await PostAsync(_cluster.Door, "batch", Ops(number =>
            $$"""{"op":"put","key":"many/{{number}}","value":{{number}}}"""))).RootElement.GetProperty("results");
        Assert.All(written.EnumerateArray(), item => Assert.Equal(201, item.GetProperty("status").GetInt32()));
        for (var at = 0; at < 3; at++)
        {
            var read = JsonDocument.Parse(await PostAsync(Door(at), "batch", Ops(number =>
                $$"""{"op":"get","key":"many/{{number}}"}"""))).RootElement.GetProperty("results");
            Assert.Equal(
                Enumerable.Range(0, 1000), read.EnumerateArray().Select(item => item.GetProperty("value").GetInt32()));
        }
    }

    private HttpClient Door(int number) => _cluster.Nodes[number % _cluster.Nodes.Count].Http;

    private static string Many(string list, Func<int, string> item) =>
        $$"""{"{{list}}":[{{string.Join(',', Enumerable.Range(0, Accounts).Select(item))}}]}""";

    private async Task TransferAsync(int client)
    {
        var random = new Random(client);
        for (var round = 0; round < 20; round++)
        {
            var from = random.Next(Accounts);
            var to = (from + random.Next(1, Accounts)) % Accounts;
            var amount = random.Next(1, 10);
            await PostAsync(Door(client), "txn", $$"""
                {"then":[{"op":"increment","key":"account/{{from}}","by":-{{amount}}},
                         {"op":"increment","key":"account/{{to}}","by":{{amount}}}]}
                """);
        }
    }

    private async Task<int> ReadUntilAsync(CancellationToken ended)
    {
        var reads = 0;
        for (; !ended.IsCancellationRequested; reads++)
            Assert.Equal(Accounts * Units, await SumAsync(Door(reads)));
        return reads;
    }

    private static async Task<long> SumAsync(HttpClient door)
    {
        var answer = await PostAsync(
            door, "txn", Many("then", account => $$"""{"op":"get","key":"account/{{account}}"}"""));
        return JsonDocument.Parse(answer).RootElement.GetProperty("results").EnumerateArray()
            .Sum(item => item.GetProperty("value").GetInt64());
    }

    private static async Task<string> PostAsync(
        HttpClient door, string verb, string body, string? idempotencyKey = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/buckets/default/{verb}?timeout=30s");
        request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        if (idempotencyKey is not null)
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        using var answer = await door.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, text);
        return text;
    }
}
