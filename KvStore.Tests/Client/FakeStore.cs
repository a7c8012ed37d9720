using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KvStore.Client;
using KvStore.Contracts;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Client;

/// <summary>A request as it left the client.</summary>
internal sealed record Asked(HttpMethod Method, Uri Url, Dictionary<string, string> Headers, string Body)
{
    public string? Header(string name) => Headers.GetValueOrDefault(name);
}

/// <summary>What a client of a test talks to: answers as it is told, and keeps what it was asked.</summary>
internal sealed class FakeStore : HttpMessageHandler
{
    public const string Tag = "\"00000000c0ffee00-1-42\"";

    private readonly SemaphoreSlim _arrived = new(0);

    public FakeTimeProvider Time { get; } = new();

    public ConcurrentQueue<Asked> Requests { get; } = new();

    /// <summary>Given the request and how many there were before it.</summary>
    public Func<Asked, int, CancellationToken, Task<HttpResponseMessage>> Answer { get; set; } =
        (_, _, _) => Task.FromResult(Stored());

    /// <summary>Why no request leaves; null: each does.</summary>
    public HttpRequestException? Unreachable { get; set; }

    public KvStoreClient Open(Action<KvStoreClientSettings>? change = null, TimeProvider? time = null)
    {
        var settings = new KvStoreClientSettings { ConnectionString = "http://store:9000" };
        change?.Invoke(settings);
        var http = new HttpClient(this, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };
        return new KvStoreClient(settings, http, time ?? Time);
    }

    /// <summary>Moves the time; what waited for it goes on before this returns.</summary>
    public void Advance(TimeSpan by)
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            Time.Advance(by);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    /// <summary>Moves the time by small steps until that is done.</summary>
    public async Task<T> MovedAsync<T>(Task<T> done)
    {
        while (!done.IsCompleted)
        {
            Advance(TimeSpan.FromMilliseconds(1));
            for (var turn = 0; turn < 5; turn++)
                await Task.Yield();    // what goes on elsewhere comes first
        }

        return await done;
    }

    /// <summary>Waits for the next request: each is waited for once.</summary>
    public async Task ArrivedAsync() => Assert.True(await _arrived.WaitAsync(TimeSpan.FromSeconds(60)));

    /// <summary>No answer.</summary>
    public static async Task<HttpResponseMessage> Hang(Asked asked, int before, CancellationToken given)
    {
        await Task.Delay(Timeout.Infinite, given).ConfigureAwait(false);
        throw new InvalidOperationException("It was answered.");
    }

    public static HttpResponseMessage Stored(string value = "1", string type = "application/json")
    {
        var answer = new HttpResponseMessage(HttpStatusCode.OK)
        {
            Content = new StringContent(value, Encoding.UTF8, type),
        };
        answer.Headers.TryAddWithoutValidation("ETag", Tag);
        return answer;
    }

    public static HttpResponseMessage Json<T>(
        T value, JsonTypeInfo<T> type, HttpStatusCode status = HttpStatusCode.OK) => new(status)
        {
            Content = new StringContent(JsonSerializer.Serialize(value, type), Encoding.UTF8, "application/json"),
        };

    public static HttpResponseMessage Refusal(ProblemType type, Applied applied = Applied.No, long? count = null)
    {
        var problem = Problem.Of(type, "So it is.", applied) with { Count = count };
        var answer = Json(problem, ContractsJson.Default.Problem, (HttpStatusCode)type.Status);
        answer.Content.Headers.ContentType = new(Problem.MediaType);
        return answer;
    }

    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (Unreachable is { } nobody)
            throw nobody;
        var headers = request.Headers.Concat(request.Content?.Headers.AsEnumerable() ?? [])
            .ToDictionary(header => header.Key, header => string.Join(", ", header.Value));
        var body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(CancellationToken.None);
        var asked = new Asked(request.Method, request.RequestUri!, headers, body);
        int before;
        lock (Requests)
        {
            before = Requests.Count;
            Requests.Enqueue(asked);
        }

        _arrived.Release();
        return await Answer(asked, before, cancellationToken).ConfigureAwait(false);
    }

    protected override void Dispose(bool disposing)
    {
        _arrived.Dispose();
        base.Dispose(disposing);
    }
}
