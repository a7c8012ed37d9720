using System.Net;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Node.Replication;
using Microsoft.Extensions.DependencyInjection;

namespace KvStore.Tests.Node.Api;

/// <summary>What takes longer than a request, at one of three nodes.</summary>
public sealed class OperationsApiTests : IAsyncLifetime
{
    private const int Many = 10_001;
    private const string Range = "/buckets/default/keys?prefix=tmp/";

    private readonly ListCluster _cluster = new();
    private ApiNode _node = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _node = await _cluster.ServeAsync();
        _http = new HttpClient { BaseAddress = _node.Address };
        foreach (var number in Enumerable.Range(0, Many))
            _cluster.Put($"tmp/{number}");
        _cluster.Put("kept");
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _node.DisposeAsync();
    }

    [Fact]
    public async Task Many_keys_are_removed_behind_a_202_that_says_where_to_look()
    {
        using var begun = await _http.DeleteAsync($"{Range}&confirm={Many}");
        Assert.Equal(HttpStatusCode.Accepted, begun.StatusCode);
        var told = await OperationOf(begun);
        Assert.Equal(("range-delete", "default", Many), (told.Kind, told.Bucket, told.Total));
        Assert.Equal($"/admin/operations/{told.Id}", begun.Headers.Location!.OriginalString);

        var ended = await UntilEndedAsync(begun.Headers.Location);
        Assert.Equal(("done", Many, 0L), (ended.State, ended.Deleted, ended.Changed));
        Assert.True(ended.Ended >= ended.Started);
        Assert.Equal(["kept"], _cluster.Keys(BucketId.Default));
        using var head = await _http.SendAsync(new HttpRequestMessage(HttpMethod.Head, begun.Headers.Location));
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
    }

    [Fact]
    public async Task A_count_that_is_not_so_begins_nothing()
    {
        using var differs = await _http.DeleteAsync($"{Range}&confirm={Many + 1}");
        Assert.Equal(HttpStatusCode.PreconditionFailed, differs.StatusCode);
        Assert.Equal(Many + 1, _cluster.Keys(BucketId.Default).Count());
    }

    [Fact]
    public async Task One_that_is_told_to_end_ends_and_as_many_as_a_node_takes_on_keep_others_out()
    {
        TaskCompletionSource goesOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _cluster.WritesWaitFor = goesOn.Task;
        var begun = new List<Uri>();
        for (var number = 0; number < 4; number++)
        {
            using var one = await _http.DeleteAsync($"{Range}&confirm={Many}");
            Assert.Equal(HttpStatusCode.Accepted, one.StatusCode);
            begun.Add(one.Headers.Location!);
        }

        using (var more = await _http.DeleteAsync($"{Range}&confirm={Many}"))
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, more.StatusCode);
            Assert.Equal("too-many-operations", (await ProblemOf(more)).Code);
        }

        foreach (var operation in begun)
        {
            using var cancelled = await _http.DeleteAsync(operation);
            Assert.Equal("running", (await OperationOf(cancelled)).State);
        }

        goesOn.SetResult();
        foreach (var operation in begun)
            Assert.Equal("cancelled", (await UntilEndedAsync(operation)).State);
        Assert.InRange(_cluster.Keys(BucketId.Default).Count(), 2, Many + 1);
    }

    [Fact]
    public async Task One_that_fails_says_why()
    {
        _cluster.OnWrite = partition => partition.Value == 5 ? new WriteOutcome.Indeterminate() : null;
        using var begun = await _http.DeleteAsync($"{Range}&confirm={Many}");
        var ended = await UntilEndedAsync(begun.Headers.Location!);
        Assert.Equal(("failed", "deadline-exceeded"), (ended.State, ended.Code));
        Assert.Contains($"{ended.Deleted} keys are removed for certain", ended.Detail);
    }

    [Theory]
    [InlineData("node1.0123456789abcdef", 404, "operation-not-found")]
    [InlineData("nonsense", 404, "operation-not-found")]
    [InlineData("node2.0123456789abcdef", 421, "operation-elsewhere")]
    [InlineData("stranger.0123456789abcdef", 404, "operation-not-found")]
    [InlineData("n%C3%A9.0123456789abcdef", 404, "operation-not-found")]
    [InlineData("%0Ax.0123456789abcdef", 404, "operation-not-found")]
    [InlineData("node1.0123456789abcdef?x=1", 400, "query-invalid")]
    public async Task Who_asks_for_another_is_told_so(string id, int status, string code)
    {
        using var answer = await _http.GetAsync($"/admin/operations/{id}");
        Assert.Equal((status, code), ((int)answer.StatusCode, (await ProblemOf(answer)).Code));
        Assert.Equal(
            status == 421, answer.Headers.TryGetValues("Kv-Owner", out var owner) && owner.Single() == "node2");
    }

    private async Task<OperationResponse> UntilEndedAsync(Uri operation)
    {
        while (true)
        {
            using var answer = await _http.GetAsync(operation);
            if (await OperationOf(answer) is { State: not "running" } ended)
                return ended;
        }
    }

    private static async Task<OperationResponse> OperationOf(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonSerializer.Deserialize(text, ContractsJson.Default.OperationResponse)!;
    }

    private static async Task<Problem> ProblemOf(HttpResponseMessage answer) => JsonSerializer.Deserialize(
        await answer.Content.ReadAsStringAsync(), ContractsJson.Default.Problem)!;
}
