using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using KvStore.Client.Transport;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>Changes, as they are made.</summary>
public partial class KvBucket
{
    private const int JitterSteps = 1000;
    private const int TriesWhereCompacted = 3;
    private const string Events = "text/event-stream";

    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(45);    // three heartbeats
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Where the bucket stands now. Who asks for this, lists the keys, and watches since then misses nothing, and is
    /// told again of what was changed while it listed.
    /// </summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>A cursor, for <see cref="KvWatchOptions.Since"/>.</returns>
    /// <exception cref="KvStoreException">It cannot be told now.</exception>
    public Task<string> CursorAsync(CancellationToken cancellationToken = default) =>
        CursorWithinAsync(Patience, cancellationToken);

    internal async Task<string> CursorWithinAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        var call = new KvCall(HttpMethod.Get, In(Routes.Watch), "cursor") { Bucket = Name, Timeout = timeout };
        call.Add("Accept", "application/json");
        using var answer = await _transport.SendAsync(call, cancellationToken).ConfigureAwait(false);
        return answer.Read(ContractsJson.Default.ChangesResponse).Cursor;
    }

    /// <summary>
    /// Changes of keys, as long as the caller reads: those of each key in their order, none left out. When a stream is
    /// lost, the next one goes on where it ended, however long the store was away; a transaction that was cut in its
    /// middle comes again as a whole.
    /// </summary>
    /// <typeparam name="T">As of <see cref="GetAsync"/>.</typeparam>
    /// <param name="prefix">What the keys begin with.</param>
    /// <param name="options">From where on, and what.</param>
    /// <param name="cancellationToken">Ends the watch.</param>
    /// <exception cref="KvStoreException">
    /// The watch cannot go on without a gap (<c>cursor-compacted</c>, when that was said three times, mostly by
    /// different nodes: read the keys anew, and watch from there), the bucket is gone (<c>bucket-not-found</c>), or it
    /// cannot be begun: until its first stream is open, it is a call like any other.
    /// </exception>
    /// <exception cref="JsonException">
    /// What was stored is not of this type. Its <see cref="Exception.Data"/> has a <c>Cursor</c>, from which another
    /// watch goes on behind that change; null in the middle of a transaction.
    /// </exception>
    /// <exception cref="ArgumentException">No kind of change is asked for.</exception>
    public async IAsyncEnumerable<KvChange<T>> WatchAsync<T>(
        string prefix = "",
        KvWatchOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        options ??= new KvWatchOptions();
        if (options.Kinds is { Count: 0 })
            throw new ArgumentException("Kinds must have one at least; null stands for all.", nameof(options));
        var since = options.Since ?? await CursorAsync(cancellationToken).ConfigureAwait(false);
        var answer = await OpenAsync(prefix, options, since, cancellationToken).ConfigureAwait(false);
        while (true)
        {
            var openedAt = _time.GetTimestamp();
            await foreach (var (item, at) in EventsAsync(answer, cancellationToken).ConfigureAwait(false))
            {
                since = at.Length > 0 ? at : since;
                if (KindOf(item.EventType) is { } kind)
                    yield return ChangeOf<T>(kind, item.Data, item.EventId);
                else if (item.EventType == "end" && item.Data.Contains("bucket-gone", StringComparison.Ordinal))
                    throw new KvStoreException(Problem.Of(ProblemType.BucketNotFound, "It was dropped."), Applied.No);
            }

            if (_time.GetElapsedTime(openedAt) < Pause)    // who is cut off at once would only be so again
                await PauseAsync(cancellationToken).ConfigureAwait(false);
            answer = await ReopenAsync(prefix, options, since, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Opens the stream again, however long the store is away or refuses for the moment.</summary>
    /// <exception cref="KvStoreException">The store refuses for good.</exception>
    private async Task<KvAnswer> ReopenAsync(
        string prefix, KvWatchOptions options, string since, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return await OpenAsync(prefix, options, since, cancellation).ConfigureAwait(false);
            }
            catch (KvStoreException away) when (away.Problem is null or { Retryable: true })
            {
                options.OnAway?.Invoke(away);
            }

            await PauseAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Waits for one to two pauses: those who were cut off together do not come together again.</summary>
    private Task PauseAsync(CancellationToken cancellation) => Task.Delay(
        Pause + Pause * RandomNumberGenerator.GetInt32(JitterSteps + 1) / JitterSteps, _time, cancellation);

    /// <summary>The events of a stream, each with the place behind it, until the stream ends or is lost.</summary>
    /// <param name="answer">The stream; closed at the end.</param>
    /// <param name="cancellation">Ends the reading.</param>
    private async IAsyncEnumerable<(SseItem<string> Item, string At)> EventsAsync(
        KvAnswer answer, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var opened = answer;
        var content = await opened.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        var stream = new LiveStream(content, Silence, _time);
        await using (stream.ConfigureAwait(false))
        {
            var parser = SseParser.Create(stream);
            var events = parser.EnumerateAsync(cancellation).GetAsyncEnumerator(cancellation);
            await using (events.ConfigureAwait(false))
            {
                while (await NextAsync(events, cancellation).ConfigureAwait(false) is { } item)
                    yield return (item, parser.LastEventId);
            }
        }
    }

    /// <summary>
    /// Opens the stream. A node that was started again no longer has all that changed since; that all of them are so is
    /// believed when it was said a few times, mostly by different nodes.
    /// </summary>
    private async Task<KvAnswer> OpenAsync(
        string prefix, KvWatchOptions options, string since, CancellationToken cancellation)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                return await OpenOnceAsync(prefix, options, since, cancellation).ConfigureAwait(false);
            }
            catch (KvStoreException gone) when (
                gone.Code == ProblemType.CursorCompacted.Code && tries < TriesWhereCompacted)
            {
                await PauseAsync(cancellation).ConfigureAwait(false);
            }
        }
    }

    private async Task<KvAnswer> OpenOnceAsync(
        string prefix, KvWatchOptions options, string since, CancellationToken cancellation)
    {
        var query = new StringBuilder(In(Routes.Watch)).Append("?values=").Append(options.HasValues ? "full" : "none");
        Append(query, "prefix", prefix);
        Append(query, "since", since);
        if (options.Kinds is { } kinds)
            Append(query, "kinds", string.Join(',', kinds.Select(NameOf)));
        var call = new KvCall(HttpMethod.Get, query.ToString(), "watch")
        {
            Bucket = Name,
            Timeout = _settings.Timeout,
            IsStream = true,
        };
        call.Add("Accept", Events);
        var answer = await _transport.SendAsync(call, cancellation).ConfigureAwait(false);
        if (Events.Equals(answer.Content.Headers.ContentType?.MediaType, StringComparison.OrdinalIgnoreCase))
            return answer;
        answer.Dispose();
        throw new KvStoreException("The answer is no stream of events; is it a KvStore?", Applied.No);
    }

    /// <summary>The next event; null: the stream has ended, or was lost.</summary>
    private static async ValueTask<SseItem<string>?> NextAsync(
        IAsyncEnumerator<SseItem<string>> events, CancellationToken cancellation)
    {
        try
        {
            return await events.MoveNextAsync().ConfigureAwait(false) ? events.Current : null;
        }
        catch (Exception lost) when (lost is IOException or HttpRequestException)
        {
            cancellation.ThrowIfCancellationRequested();
            return null;
        }
    }

    private KvChange<T> ChangeOf<T>(KvChangeKind kind, string data, string? cursor)
    {
        try
        {
            return ChangeIn<T>(kind, data, cursor);
        }
        catch (JsonException wrong)
        {
            wrong.Data[nameof(KvChange<>.Cursor)] = cursor;
            throw;
        }
    }

    private KvChange<T> ChangeIn<T>(KvChangeKind kind, string data, string? cursor)
    {
        var told = JsonSerializer.Deserialize(data, ContractsJson.Default.ChangeEvent)!;
        var hasValue = told.Base64 is not null || told.Value.ValueKind != JsonValueKind.Undefined;
        return new KvChange<T>(kind, told.Key)
        {
            Value = hasValue ? _values.ReadInline<T>(told.Value, told.Base64, told.ContentType) : default,
            Version = KvVersion.TryParse(told.Etag, out var version) ? version : null,
            Number = told.Version,
            Cursor = cursor,
        };
    }

    private static string NameOf(KvChangeKind kind) => kind switch
    {
        KvChangeKind.Put => "put",
        KvChangeKind.Delete => "delete",
        KvChangeKind.Expire => "expire",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    private static KvChangeKind? KindOf(string name) => name switch
    {
        "put" => KvChangeKind.Put,
        "delete" => KvChangeKind.Delete,
        "expire" => KvChangeKind.Expire,
        _ => null,
    };
}

/// <summary>What is watched.</summary>
public sealed record KvWatchOptions
{
    /// <summary>
    /// Where to begin: after a cursor that an earlier watch or <see cref="KvBucket.CursorAsync"/> gave; null: now.
    /// </summary>
    public string? Since { get; init; }

    /// <summary>Which changes, of one kind at least; null: all.</summary>
    public IReadOnlyCollection<KvChangeKind>? Kinds { get; init; }

    /// <summary>Whether puts come with what they stored.</summary>
    public bool HasValues { get; init; } = true;

    /// <summary>Told each time that a stream which was lost cannot be opened again yet.</summary>
    internal Action<KvStoreException>? OnAway { get; init; }
}

/// <summary>What became of a key.</summary>
public enum KvChangeKind
{
    /// <summary>A value was stored.</summary>
    Put,

    /// <summary>Somebody removed it.</summary>
    Delete,

    /// <summary>Its time was over.</summary>
    Expire,
}

/// <summary>A change of a key.</summary>
/// <typeparam name="T">What the value is read as.</typeparam>
/// <param name="Kind">What became of it.</param>
/// <param name="Key">The key.</param>
public sealed record KvChange<T>(KvChangeKind Kind, string Key)
{
    /// <summary>Of a put: what it stored, where values are watched.</summary>
    public T? Value { get; init; }

    /// <summary>Of a put: the version that it made.</summary>
    public KvVersion? Version { get; init; }

    /// <summary>Commit sequence of the key's partition at the change; grows from change to change of a key.</summary>
    public required long Number { get; init; }

    /// <summary>
    /// Where a later watch goes on behind this change; null in the middle of a transaction, which comes whole.
    /// </summary>
    public string? Cursor { get; init; }
}
