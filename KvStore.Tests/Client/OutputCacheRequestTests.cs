using KvStore.Client;
using KvStore.Client.OutputCaching;
using KvStore.Contracts;

namespace KvStore.Tests.Client;

/// <summary>What an output cache asks of its store, and what it makes of the answers.</summary>
public sealed class OutputCacheRequestTests : IDisposable
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private readonly FakeStore _store = new();

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task A_page_waits_for_no_request_longer_than_it_may()
    {
        using var client = _store.Open();
        var pages = new KvStoreOutputCacheStore(client, new());
        _store.Answer = (asked, before, _) => Task.FromResult(
            before == 1 ? FakeStore.Refusal(ProblemType.BucketNotFound)
            : asked.Url.AbsolutePath.EndsWith("/txn", StringComparison.Ordinal)
                ? FakeStore.Json(new TransactionResponse(true, "43", []), ContractsJson.Default.TransactionResponse)
            : FakeStore.Stored());
        Assert.NotNull(await pages.GetAsync("k", default));
        await pages.SetAsync("k", [1], ["t"], Hour, default);
        var asked = _store.Requests.ToList();
        Assert.Equal(["GET", "PUT", "PUT", "PUT", "POST"], asked.Select(each => each.Method.Method));
        Assert.All(asked, each => Assert.Equal("900ms", each.Header(KvHeaders.Timeout)));
        Assert.Equal(
            [null, "2000ms", null, "2000ms", null], asked.Select(each => each.Header(KvHeaders.Ttl)));
        Assert.Equal(2, asked[^1].Body.Split("\"ttl\":\"3600000ms\"").Length - 1);
    }

    [Theory]
    [InlineData("no-quorum", true)]
    [InlineData("locked", true)]
    [InlineData("not-found", false)]
    [InlineData("precondition-failed", false)]
    [InlineData("bucket-not-found", false)]
    public async Task An_eviction_that_was_not_done_for_all_fails(string code, bool hasFailed)
    {
        using var client = _store.Open();
        var pages = new KvStoreOutputCacheStore(client, new());
        var problem = new Problem
        {
            Type = $"/problems/{code}",
            Title = "So it is.",
            Status = 500,
            Code = code,
            Retryable = false,
            Applied = Applied.No,
        };
        ItemResponse[] items =
            [new() { Status = 204, Key = "k" }, new() { Status = 500, Key = "k", Problem = problem }];
        var listed = new KeyListItem { Key = "tags/t/{k}", Etag = FakeStore.Tag, Size = 0 };
        _store.Answer = (asked, _, _) => Task.FromResult(asked.Method == HttpMethod.Get
            ? FakeStore.Json(new KeyListResponse([listed], [], null, "", null), ContractsJson.Default.KeyListResponse)
            : FakeStore.Json(new BatchResponse([.. items]), ContractsJson.Default.BatchResponse));
        var failure = await Record.ExceptionAsync(async () => await pages.EvictByTagAsync("t", default));
        Assert.Equal(hasFailed ? (code, Applied.Unknown) : null, failure is KvStoreException told
            ? (told.Code, told.Applied)
            : ((string?, Applied)?)null);
        Assert.Contains("entries/{k}", _store.Requests.Last().Body, StringComparison.Ordinal);
    }
}
