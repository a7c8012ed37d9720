using System.Net;
using KvStore.Client;
using KvStore.Contracts;

namespace KvStore.Tests.Client;

/// <summary>A removal of many keys, which no name makes safe to send again.</summary>
public sealed class RangeRemovalTests : IDisposable
{
    private readonly FakeStore _store = new();
    private readonly Queue<long> _counts = new();
    private Func<Asked, HttpResponseMessage> _removal = _ => Begun("running");
    private Func<Asked, HttpResponseMessage> _look = _ => Begun("done", 5_000, HttpStatusCode.OK);

    public RangeRemovalTests() => _store.Answer = (asked, _, _) => Task.FromResult(
        asked.Method == HttpMethod.Delete ? _removal(asked)
        : asked.Url.AbsolutePath.StartsWith("/admin/operations/", StringComparison.Ordinal) ? _look(asked)
        : FakeStore.Json(
            new KeyListResponse([], [], null, "s", _counts.Dequeue()), ContractsJson.Default.KeyListResponse));

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task A_removal_of_many_is_followed_to_its_end()
    {
        using var client = _store.Open();
        _counts.Enqueue(20_000);
        Assert.Equal(5_000, await _store.MovedAsync(client.DeleteRangeAsync("tmp/")));
        Assert.Equal("?prefix=tmp%2F&confirm=20000", Assert.Single(Removals).Url.Query);
        Assert.Equal("9750ms", Removals.Single().Header(KvHeaders.Timeout));    // of its only try
    }

    /// <summary>It takes no longer time than that, and a call may have a day.</summary>
    [Fact]
    public async Task The_store_is_told_a_minute_at_most()
    {
        using var client = _store.Open();
        _counts.Enqueue(1);
        _removal = _ => throw new HttpRequestException(HttpRequestError.ResponseEnded, "It broke.");
        var options = new KvListOptions { Timeout = TimeSpan.FromHours(1) };
        var call = client.DeleteRangeAsync("tmp/", options);
        var failure = await Assert.ThrowsAsync<KvStoreException>(() => _store.MovedAsync(call));
        Assert.Equal(Applied.Unknown, failure.Applied);
        Assert.Equal("60000ms", Removals.Single().Header(KvHeaders.Timeout));
    }

    [Fact]
    public async Task One_whose_count_does_not_hold_is_counted_anew()
    {
        using var client = _store.Open();
        _counts.Enqueue(1);
        _counts.Enqueue(2);
        _removal = asked => asked.Url.Query.EndsWith("confirm=1", StringComparison.Ordinal)
            ? FakeStore.Refusal(ProblemType.PreconditionFailed, count: 2)
            : FakeStore.Json(new RangeDeleteResponse(2, 0), ContractsJson.Default.RangeDeleteResponse);
        Assert.Equal(2, await _store.MovedAsync(client.DeleteRangeAsync("tmp/")));
        Assert.Equal(2, Removals.Count());
    }

    [Theory, InlineData("lost"), InlineData("no store"), InlineData("refused"), InlineData("in part")]
    public async Task One_that_may_be_applied_is_neither_sent_again_nor_counted_anew(string end)
    {
        using var client = _store.Open();
        _counts.Enqueue(1);
        _removal = _ => end switch
        {
            "lost" => throw new HttpRequestException(HttpRequestError.ResponseEnded, "It broke."),
            "no store" => new HttpResponseMessage(HttpStatusCode.BadGateway),
            "in part" => FakeStore.Refusal(ProblemType.NoQuorum, Applied.Yes),
            _ => FakeStore.Refusal(ProblemType.NoQuorum, Applied.Unknown),
        };
        var failure = await Assert.ThrowsAsync<KvStoreException>(
            () => _store.MovedAsync(client.DeleteRangeAsync("tmp/")));
        Assert.Equal(Applied.Unknown, failure.Applied);
        Assert.Equal(2, _store.Requests.Count);
    }

    [Fact]
    public async Task One_of_which_nothing_was_done_is_sent_again()
    {
        using var client = _store.Open();
        _counts.Enqueue(1);
        var asked = 0;
        _removal = _ => asked++ == 0
            ? FakeStore.Refusal(ProblemType.Overloaded)
            : FakeStore.Json(new RangeDeleteResponse(1, 0), ContractsJson.Default.RangeDeleteResponse);
        Assert.Equal(1, await _store.MovedAsync(client.DeleteRangeAsync("tmp/")));
    }

    [Theory, InlineData("operation-not-found"), InlineData("no-quorum"), InlineData("internal")]
    public async Task What_became_of_one_that_was_begun_is_unknown_where_it_cannot_be_told(string code)
    {
        using var client = _store.Open(settings => settings.Timeout = TimeSpan.FromMilliseconds(100));
        _counts.Enqueue(20_000);
        _look = _ => FakeStore.Refusal(ProblemType.All.Single(type => type.Code == code));
        var failure = await Assert.ThrowsAsync<KvStoreException>(
            () => _store.MovedAsync(client.DeleteRangeAsync("tmp/")));
        Assert.Equal((code, Applied.Unknown), (failure.Code, failure.Applied));
        Assert.Single(Removals);
    }

    private IEnumerable<Asked> Removals => _store.Requests.Where(asked => asked.Method == HttpMethod.Delete);

    private static HttpResponseMessage Begun(
        string state, long deleted = 0, HttpStatusCode status = HttpStatusCode.Accepted) => FakeStore.Json(
        new OperationResponse
        {
            Id = "node1.1",
            Kind = "range-delete",
            Bucket = "default",
            State = state,
            Total = 20_000,
            Deleted = deleted,
            Changed = 0,
            Started = DateTimeOffset.UnixEpoch,
        },
        ContractsJson.Default.OperationResponse,
        status);
}
