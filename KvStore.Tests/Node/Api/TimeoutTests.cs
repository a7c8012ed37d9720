using System.Collections.Concurrent;

namespace KvStore.Tests.Node.Api;

/// <summary>Deadlines of every API, which may stand in a header, in the query, or in both.</summary>
public sealed class TimeoutTests : IAsyncLifetime
{
    private readonly TimerLog _time = new();
    private ApiNode _node = null!;

    public static TheoryData<string, string, string> Requests => new()
    {
        { "PUT /buckets/default/keys/a", "text/plain", "v" },
        { "GET /buckets/default/keys", "", "" },
        { "DELETE /buckets/default/keys?prefix=&dry_run=true", "", "" },
        { "GET /buckets/default/export", "", "" },
        { "GET /buckets", "", "" },
        { "GET /buckets/default", "", "" },
        { "POST /buckets/default/batch", "application/json", """{"ops":[{"op":"get","key":"a"}]}""" },
        { "POST /buckets/default/txn", "application/json", """{"then":[{"op":"get","key":"a"}]}""" },
        { "POST /buckets/default/import", "application/x-ndjson", """{"key":"a","value":1}""" },
        { "GET /buckets/default/watch", "", "" },
    };

    public async ValueTask InitializeAsync() => _node = await ApiNode.StartAsync(time: _time);

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task Of_two_deadlines_the_earlier_one_counts(string request, string type, string body)
    {
        await SendAsync(request, "timeout=4321ms", type, body, "Kv-Timeout: 1234ms");
        Assert.Equal([1234], Deadlines());

        await SendAsync(request, "timeout=1235ms", type, body, "Kv-Timeout: 4322ms");
        Assert.Equal([1235], Deadlines());
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task A_deadline_in_one_place_may_be_later_than_the_default(string request, string type, string body)
    {
        await SendAsync(request, "timeout=12345ms", type, body);
        Assert.Equal([12345], Deadlines());

        await SendAsync(request, "", type, body, "Kv-Timeout: 12346ms");
        Assert.Equal([12346], Deadlines());
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task A_deadline_that_is_none_is_refused_wherever_it_is(string request, string type, string body)
    {
        Assert.Equal("query-invalid", await CodeAsync("timeout=0", "Kv-Timeout: 1s"));
        Assert.Equal("header-invalid", await CodeAsync("timeout=1s", "Kv-Timeout: 0"));
        Assert.Equal("header-invalid", await CodeAsync("", "Kv-Timeout: 1s", "Kv-Timeout: 2s"));

        async Task<string?> CodeAsync(string query, params string[] headers) =>
            (await AskAsync(request, query, type, body, headers)).Problem.Code;
    }

    /// <summary>The deadlines that this page asks for, of all that was timed, each once; begins anew.</summary>
    private List<int> Deadlines()
    {
        var asked = _time.Timers
            .Select(due => (int)due.TotalMilliseconds)
            .Where(due => due is 1234 or 1235 or 4321 or 4322 or 10_000 or 12345 or 12346)
            .Distinct()
            .ToList();
        _time.Timers.Clear();
        return asked;
    }

    private async Task SendAsync(string request, string query, string type, string body, params string[] headers)
    {
        var answer = await AskAsync(request, query, type, body, headers);
        Assert.True(answer.Status is >= 200 and < 300, answer.Body);
    }

    private Task<RawResponse> AskAsync(string request, string query, string type, string body, string[] headers)
    {
        var (method, target) = (request.Split(' ')[0], request.Split(' ')[1]);
        if (query.Length > 0)
            target += (target.Contains('?', StringComparison.Ordinal) ? "&" : "?") + query;
        return type.Length > 0
            ? _node.SendBodyAsync(method, target, body, [.. headers, $"Content-Type: {type}"])
            : _node.SendAsync(method, target, [.. headers, "Accept: application/json, application/x-ndjson;q=0.1"]);
    }

    /// <summary>The time of this machine, with a note of whatever is timed by it.</summary>
    private sealed class TimerLog : TimeProvider
    {
        public ConcurrentQueue<TimeSpan> Timers { get; } = new();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Timers.Enqueue(dueTime);
            return base.CreateTimer(callback, state, dueTime, period);
        }
    }
}
