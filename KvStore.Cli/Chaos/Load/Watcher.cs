using System.Net;
using System.Net.ServerSentEvents;
using System.Net.Sockets;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Verification;

namespace KvStore.Cli.Chaos.Load;

/// <summary>
/// Watches all keys with a prefix through the balancer, one stream after the other: it cuts each after a while, by
/// chance, and takes up the next where the last one ended.
/// </summary>
internal sealed class Watcher(string door, string prefix, Random random)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(20);

    private readonly Lock _gate = new();
    private readonly List<WatchedEvent> _events = [];
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? _cursor;

    /// <summary>Streams that were opened.</summary>
    public int Streams { get; private set; }

    /// <summary>How often it was told that something of what happened is no longer kept.</summary>
    public int Gaps { get; private set; }

    /// <summary>It misses nothing from now on.</summary>
    public Task Begun => _begun.Task;

    public IReadOnlyList<WatchedEvent> Events
    {
        get
        {
            lock (_gate)
                return [.. _events];
        }
    }

    /// <summary>Goes on until it is told to stop.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        while (!stop.IsCancellationRequested)
        {
            using var cut = CancellationTokenSource.CreateLinkedTokenSource(stop);
            cut.CancelAfter(TimeSpan.FromMilliseconds(random.Next(500, 5000)));
            try
            {
                await FollowAsync(http, cut.Token).ConfigureAwait(false);
            }
            catch (Exception lost) when (lost is HttpRequestException or SocketException or IOException
                or OperationCanceledException)
            {
                // Taken up again.
            }

            await Task.Delay(Pause, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Waits until it was told of all these versions, by key.</summary>
    /// <returns>Those that it was not told of in time.</returns>
    public async Task<IReadOnlyCollection<string>> MissingAsync(
        IEnumerable<(string Key, string? Etag)> versions, TimeSpan patience)
    {
        HashSet<(string, string?)> missing = [.. versions];
        using var timer = new CancellationTokenSource(patience);
        var at = 0;
        while (missing.Count > 0 && Gaps == 0 && !timer.IsCancellationRequested)
        {
            var events = Events;
            for (; at < events.Count; at++)
                missing.Remove((events[at].Key, events[at].Etag));
            await Task.Delay(Glance, timer.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return Gaps == 0 ? [.. missing.Select(version => version.Item1)] : [];
    }

    private async Task FollowAsync(HttpClient http, CancellationToken cut)
    {
        var path = Routes.Watch.Replace("{bucket}", BucketName.Default, StringComparison.Ordinal);
        using var request = new HttpRequestMessage(
            HttpMethod.Get, $"{door}{path}?prefix={Uri.EscapeDataString(prefix)}&values=full&heartbeat=1s");
        request.Headers.Accept.ParseAdd("text/event-stream");
        if (_cursor is { } cursor)
            request.Headers.Add("Last-Event-ID", cursor);
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cut)
            .ConfigureAwait(false);
        if (answer.StatusCode == HttpStatusCode.Gone)
            (_cursor, Gaps) = (null, Gaps + 1);
        if (!answer.IsSuccessStatusCode)
            return;
        Streams++;
        await using var stream = await answer.Content.ReadAsStreamAsync(cut).ConfigureAwait(false);
        await foreach (var item in SseParser.Create(stream).EnumerateAsync(cut).ConfigureAwait(false))
        {
            if (item.EventType is "put" or "delete" or "expire")
                Add(item);
            if (item.EventId is not { } id)
                continue;
            _cursor = id;
            _begun.TrySetResult();
        }
    }

    private void Add(SseItem<string> item)
    {
        using var data = JsonDocument.Parse(item.Data);
        var change = new WatchedEvent
        {
            Stream = Streams,
            Kind = item.EventType,
            Key = data.RootElement.GetProperty("key").GetString()!,
            Version = data.RootElement.GetProperty("version").GetInt64(),
            Etag = data.RootElement.TryGetProperty("etag", out var etag) ? etag.GetString() : null,
            Value = data.RootElement.TryGetProperty("value", out var value) ? TransactionForm.TextOf(value) : null,
        };
        lock (_gate)
            _events.Add(change);
    }
}
