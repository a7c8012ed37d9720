using System.Text;
using KvStore.Contracts;
using KvStore.Node.Watch;
using Microsoft.Extensions.Primitives;

namespace KvStore.Node.Api;

/// <summary>A request to watch, read and proved.</summary>
internal sealed record WatchCall
{
    /// <summary>The bucket.</summary>
    public required string Bucket { get; init; }

    /// <summary>How long it may take to begin.</summary>
    public required TimeSpan Timeout { get; init; }

    /// <summary>What the keys begin with.</summary>
    public ReadOnlyMemory<byte> Prefix { get; init; }

    /// <summary>Which changes.</summary>
    public WatchKinds Kinds { get; init; } = WatchKinds.All;

    /// <summary>Where to go on; null: behind all that is acknowledged now.</summary>
    public PositionVector? Since { get; init; }

    /// <summary>Whether puts come with their values.</summary>
    public bool WithValues { get; init; }

    /// <summary>The longest silence of a stream.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Whether it is one answer and not a stream.</summary>
    public bool IsPoll { get; init; }

    /// <summary>How long one answer waits for a change.</summary>
    public TimeSpan Wait { get; init; }
}

/// <summary>Reads requests to watch. As with keys, what it does not know it refuses.</summary>
internal static class WatchCallReader
{
    private const string Stream = "text/event-stream";

    private static readonly TimeSpan ShortestHeartbeat = TimeSpan.FromSeconds(1);

    private const string QueryRule =
        "The query takes prefix, since, values, kinds, heartbeat and timeout, each once as name=value.";

    /// <summary>Reads a request.</summary>
    /// <returns>Null when <paramref name="call"/> was read; else why not.</returns>
    public static Refusal? Read(HttpContext context, string bucket, TimeSpan timeout, out WatchCall call)
    {
        var headers = context.Request.Headers;
        call = new WatchCall
        {
            Bucket = bucket,
            Timeout = timeout,
            Wait = LongPoll.WaitIn(string.Join(',', headers[KvHeaders.Prefer].ToArray())),
        };
        if (!BucketName.IsValid(bucket))
            return Problems.BucketInvalid;
        return BodyReader.RefuseAny(context.Request, "A watch takes no body.")
            ?? ReadAccept(headers.Accept, ref call)
            ?? ReadHeaders(headers, ref call)
            ?? ReadQuery(context, ref call)
            ?? ReadLastEvent(headers, ref call);
    }

    private static Refusal? ReadAccept(StringValues accept, ref WatchCall call)
    {
        if (Acceptance.Read(accept) is not { } accepted)
            return null;
        var (stream, json) = (accepted.QualityOf(Stream), accepted.QualityOf(MediaTypes.Json));
        var isNamed = accepted.QualityNamed(MediaTypes.Json) > accepted.QualityNamed(Stream);
        call = call with { IsPoll = json > stream || (json == stream && isNamed) };
        return stream > 0 || json > 0
            ? null
            : new Refusal(ProblemType.NotAcceptable, $"Changes can be given as {Stream} or as {MediaTypes.Json}.");
    }

    private static Refusal? ReadHeaders(IHeaderDictionary headers, ref WatchCall call)
    {
        foreach (var (name, values) in headers)
        {
            if (!OwnHeaders.Has(name) || OwnHeaders.IsIgnoredWithoutKey(name)
                || OwnHeaders.Is(name, KvHeaders.Consistency))
                continue;
            if (!OwnHeaders.Is(name, KvHeaders.Timeout))
            {
                return new Refusal(
                    ProblemType.HeaderInvalid,
                    "A header that starts with Kv- is not one that watches take; headers with that prefix are never "
                        + "ignored.");
            }

            if (ReadTimeout(values, null, ref call) is { } refusal)
                return refusal;
        }

        return null;
    }

    private static Refusal? ReadQuery(HttpContext context, ref WatchCall call)
    {
        if (QueryPairs.Of(context) is not { } pairs)
            return new Refusal(ProblemType.QueryInvalid, QueryRule);
        foreach (var (name, bytes) in pairs)
        {
            var value = Encoding.UTF8.GetString(bytes);
            var refusal = name switch
            {
                "prefix" => ReadPrefix(bytes, ref call),
                "since" => ReadSince(value, ref call),
                "values" => ReadValues(value, ref call),
                "kinds" => ReadKinds(value, ref call),
                "heartbeat" => ReadHeartbeat(value, ref call),
                "timeout" => ReadTimeout(context.Request.Headers[KvHeaders.Timeout], value, ref call),
                _ => new Refusal(ProblemType.QueryInvalid, QueryRule),
            };
            if (refusal is not null)
                return refusal;
        }

        return null;
    }

    private static Refusal? ReadPrefix(byte[] bytes, ref WatchCall call)
    {
        call = call with { Prefix = bytes };
        return bytes.Length <= KeyPath.MaxKeyBytes && KeysCallReader.IsPartOfKey(bytes, isWhole: false)
            ? null
            : new Refusal(
                ProblemType.QueryInvalid,
                $"A prefix has at most {KeyPath.MaxKeyBytes} bytes, the first ones of UTF-8 without control "
                    + "characters.");
    }

    private static Refusal? ReadSince(string text, ref WatchCall call)
    {
        if (text is "now")
            return null;
        var isRead = PositionVector.TryParse(text, out var since);
        call = call with { Since = since };
        return isRead ? null : NotACursor;
    }

    private static Refusal NotACursor => new(
        ProblemType.CursorInvalid,
        "A cursor is what an earlier event, list or answer gave, unchanged; since also takes the word now.");

    private static Refusal? ReadValues(string text, ref WatchCall call)
    {
        call = call with { WithValues = text is "full" };
        return text is "none" or "full" ? null : new Refusal(ProblemType.QueryInvalid, "The values are none or full.");
    }

    private static Refusal? ReadKinds(string text, ref WatchCall call)
    {
        WatchKinds kinds = default;
        foreach (var word in text.Split(','))
        {
            var kind = word switch
            {
                "put" => WatchKinds.Put,
                "delete" => WatchKinds.Delete,
                "expire" => WatchKinds.Expire,
                _ => default,
            };
            if (kind == default)
                return new Refusal(ProblemType.QueryInvalid, "The kinds are put, delete, expire, with commas between.");
            kinds |= kind;
        }

        call = call with { Kinds = kinds };
        return null;
    }

    private static Refusal? ReadHeartbeat(string text, ref WatchCall call)
    {
        if (!KvTimeout.TryParse(text, out var heartbeat, out _) || heartbeat < ShortestHeartbeat)
            return new Refusal(ProblemType.QueryInvalid, "The heartbeat is from 1s to 60s.");
        call = call with { Heartbeat = heartbeat };
        return null;
    }

    private static Refusal? ReadTimeout(StringValues header, string? parameter, ref WatchCall call)
    {
        var refusal = TimeoutReader.Read(header, parameter, out var timeout);
        call = call with { Timeout = timeout ?? call.Timeout };
        return refusal;
    }

    /// <summary>A client that comes again repeats its first URL: what it read last counts.</summary>
    private static Refusal? ReadLastEvent(IHeaderDictionary headers, ref WatchCall call)
    {
        if (!headers.TryGetValue("Last-Event-ID", out var last) || last.ToString().Length == 0)
            return null;
        var isRead = PositionVector.TryParse(last.ToString(), out var since);
        call = call with { Since = since };
        return isRead ? null : NotACursor;
    }
}
