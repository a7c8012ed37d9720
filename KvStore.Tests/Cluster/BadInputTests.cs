using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Node.Api;
using KvStore.Tests.Node.Api;

namespace KvStore.Tests.Cluster;

/// <summary>
/// The catalogue of bad input, BadInput.txt, at a real node and through the balancer: the same answer, nothing applied,
/// and a connection that can be used further or is closed.
/// </summary>
[Collection(nameof(ClusterCollection))]
public sealed class BadInputTests(BadInputTests.Started started) : IClassFixture<BadInputTests.Started>
{
    private const int FuzzRequests = 400;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>One cluster of one node for all tests here.</summary>
    public sealed class Started : IAsyncLifetime
    {
        internal TestCluster Cluster { get; private set; } = null!;

        internal Dictionary<string, string> Names { get; } = [];

        public async ValueTask InitializeAsync() => Cluster = await TestCluster.StartAsync(nodes: 1);

        /// <summary>Stores what the rows are about, whatever others left.</summary>
        internal async Task FillAsync()
        {
            var door = Cluster.Door;
            while (!await IsEmptiedAsync(door))
            {
                // What others left may end between the count and the removal.
            }

            (await door.PutAsJsonAsync("/buckets/strict", new { requireConditionalWrites = true }))
                .EnsureSuccessStatusCode();
            (await door.PutAsJsonAsync("/buckets/small", new { maxValueBytes = 10 })).EnsureSuccessStatusCode();
            await PutAsync("present", "v");
            await PutAsync("max", $"{long.MaxValue}");
            await PutAsync("named", "v", "used");
            using var present = await door.GetAsync("/v1/present");
            Names["tag"] = $"{present.Headers.ETag}";
            var list = await door.GetFromJsonAsync<JsonElement>("/v1?limit=1");
            var cursor = ListCursor.Parse(list.GetProperty("cursor").GetString()!)!;
            Names["cursor"] = cursor.Format();
            Names["gone"] = (cursor with { Snapshot = cursor.Snapshot ^ 1 }).Format();
            Assert.True(PositionVector.TryParse(list.GetProperty("snapshot").GetString()!, out var now));
            long[] later = [.. now.Indexes.ToArray().Select(index => index + 1_000_000)];
            Names["future"] = new PositionVector(now.ClusterId, now.Bucket, later).Format();
            Names["compacted"] = new PositionVector(now.ClusterId, now.Bucket + 77, now.Indexes).Format();
            Names["foreign"] = new PositionVector(now.ClusterId ^ 1, now.Bucket, now.Indexes).Format();
            Names["session"] = SessionToken.Empty(now.ClusterId ^ 1).Format();
        }

        public ValueTask DisposeAsync() => Cluster.DisposeAsync();

        private static async Task<bool> IsEmptiedAsync(HttpClient door)
        {
            var list = await door.GetFromJsonAsync<JsonElement>("/v1?limit=1&count=true");
            using var removed = await door.DeleteAsync($"/v1?prefix=&confirm={list.GetProperty("count").GetInt64()}");
            return removed.IsSuccessStatusCode;
        }

        private async Task PutAsync(string key, string value, string? idempotencyKey = null)
        {
            using var message = new HttpRequestMessage(HttpMethod.Put, $"/v1/{key}")
            {
                Content = new StringContent(value, Encoding.UTF8, "application/json"),
            };
            if (idempotencyKey is not null)
                message.Headers.Add(KvHeaders.IdempotencyKey, idempotencyKey);
            (await Cluster.Door.SendAsync(message)).EnsureSuccessStatusCode();
        }
    }

    [Fact]
    public async Task Each_input_gets_the_same_answer_from_a_node_and_from_the_balancer_and_changes_nothing()
    {
        await started.FillAsync();
        var before = await StoredAsync();
        ConcurrentQueue<string> wrong = [];
        var lines = BadInputRow.LinesOf(Path.Combine(AppContext.BaseDirectory, "Cluster", "BadInput.txt")).ToList();
        await Parallel.ForEachAsync(lines, async (line, _) =>
        {
            try
            {
                await JudgeAsync(BadInputRow.Parse(line, started.Names));
            }
            catch (Exception failure)
            {
                wrong.Enqueue($"{line[..Math.Min(line.Length, 200)]}\n{failure.Message}");
            }
        });
        Assert.True(wrong.IsEmpty, $"Of {lines.Count} rows:\n\n{string.Join("\n\n", wrong)}");
        Assert.True(lines.Count > 400);
        Assert.Equal(before, await StoredAsync());
    }

    [Theory]
    [InlineData(7)]
    public async Task Anything_at_all_through_the_balancer_gets_an_answer_that_says_what_it_is(int seed)
    {
        var address = started.Cluster.Balancer.Http.BaseAddress!;
        var run = new RequestFuzz(address, seed, "fuzz");
        await run.RunAsync(FuzzRequests);
        TestContext.Current.TestOutputHelper?.WriteLine(run.Summary);
    }

    private async Task JudgeAsync(BadInputRow row)
    {
        var direct = await SendAsync(started.Cluster.Nodes[0], row);
        var balanced = await SendAsync(started.Cluster.Balancer, row);
        Assert.Equal((row.Status, row.Code), (direct.Status, CodeOf(direct)));
        Assert.Equal((row.Status, row.Code), (balanced.Status, CodeOf(balanced)));
        Assert.Equal(Facts(direct, row), Facts(balanced, row));
    }

    /// <summary>The answer to the row; what comes after it on the connection is proved here.</summary>
    private static async Task<RawResponse> SendAsync(TestProcess process, BadInputRow row)
    {
        using var deadline = new CancellationTokenSource(Patience);
        using var connection = await RawConnection.OpenAsync(process.Http.BaseAddress!);
        await connection.SendAsync(row.Request);
        if (row.EndsSending)
            connection.EndSending();
        var answer = await connection.ReadAsync(row.Method, deadline.Token);
        if (answer is null || RawConnection.IsStream(answer))
            return answer ?? new RawResponse(0, Array.Empty<string>().ToLookup(line => line), "");
        if (answer["Connection"] is "close")
        {
            Assert.True(await connection.EndsAsync(deadline.Token));
            return answer;
        }

        await connection.SendAsync(RawHttp.Head("GET", "/buckets/default/keys/present"));
        var next = await connection.ReadAsync("GET", deadline.Token);
        Assert.Equal((200, "v"), (next?.Status, next?.Body.Trim('"')));
        return answer;
    }

    private static string CodeOf(RawResponse answer) =>
        answer["Content-Type"] is Problem.MediaType && answer.Body.Length > 0 ? answer.Problem.Code
        : answer.Status is >= 200 and < 400 ? "ok" : "-";

    /// <summary>All that both doors must say alike.</summary>
    private static string Facts(RawResponse answer, BadInputRow row)
    {
        Assert.DoesNotContain("   at ", answer.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", answer.Body, StringComparison.Ordinal);
        var facts = new Dictionary<string, string?>
        {
            ["status"] = $"{answer.Status}",
            ["code"] = CodeOf(answer),
            ["allow"] = string.Join(", ", (answer["Allow"] ?? "").Split(", ").Order(StringComparer.Ordinal)),
            ["accept-patch"] = answer["Accept-Patch"],
            ["retry-after"] = $"{answer["Retry-After"] is not null}",
        };
        if (CodeOf(answer) is not ("ok" or "-"))
        {
            var problem = answer.Problem;
            var type = Assert.Single(ProblemType.All, known => known.Code == problem.Code);
            Assert.Equal((type.Status, type.Status, type.Title, type.Reference), (
                answer.Status, problem.Status, problem.Title, problem.Type));
            Assert.Equal((Applied.No, type.Retryable), (problem.Applied, problem.Retryable));
            Assert.NotEmpty(problem.Detail!);
            (facts["instance"], facts["key"]) = (problem.Instance, problem.Key);
            (facts["currentEtag"], facts["etag"]) = (problem.CurrentEtag, answer["ETag"]);
        }

        foreach (var fact in row.Exempt)
            Assert.True(facts.Remove(fact));
        return string.Join('\n', facts.Select(fact => $"{fact.Key}: {fact.Value}"));
    }

    /// <summary>Everything that is stored.</summary>
    private async Task<string> StoredAsync()
    {
        var node = started.Cluster.Nodes[0].Http;
        var lists = await Task.WhenAll(
            node.GetFromJsonAsync<JsonElement>("/v1?values=full&limit=1000"),
            node.GetFromJsonAsync<JsonElement>("/buckets/strict/keys?values=full&limit=1000"),
            node.GetFromJsonAsync<JsonElement>("/buckets/small/keys?values=full&limit=1000"));
        return string.Join('\n', lists.Select(list => $"{list.GetProperty("items")}"))
            + await node.GetStringAsync("/buckets");
    }
}
