using System.Buffers;
using System.Globalization;
using System.Text;
using KvStore.Contracts;
using KvStore.Node.Replication;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace KvStore.Node.Api;

/// <summary>Reads a request for many keys. As with single keys, what it does not know it refuses.</summary>
internal sealed class KeysCallReader(IOptions<ApiOptions> options)
{
    private const string ListParameters =
        "A list takes prefix, start, end, delimiter, order, limit, cursor, values, count, consistency and timeout, "
        + "each once as name=value.";

    private const string RemovalParameters =
        "A removal takes prefix, start, end, dry_run, confirm and timeout, each once as name=value.";

    private const string ExportParameters =
        "An export takes prefix, start, end, cursor and timeout, each once as name=value.";

    /// <summary>Reads a request for a list, or a removal.</summary>
    /// <returns>Null when <paramref name="call"/> was read; else why not.</returns>
    public Refusal? Read(HttpContext context, KeyTarget.Collection target, string rawTarget, out KeysCall call)
    {
        call = new KeysCall
        {
            Bucket = target.Bucket,
            RawTarget = rawTarget,
            Timeout = options.Value.DefaultTimeout,
        };
        return Read(context, target.Query, call);
    }

    /// <summary>Reads a request for an export.</summary>
    /// <returns>Null when <paramref name="call"/> was read; else why not.</returns>
    public Refusal? ReadExport(HttpContext context, string bucket, string rawTarget, out KeysCall call)
    {
        call = new KeysCall
        {
            Bucket = bucket,
            RawTarget = rawTarget,
            Timeout = options.Value.DefaultTimeout,
            Values = ScanValues.Full,
            IsExport = true,
        };
        if (!BucketName.IsValid(bucket))
            return Problems.BucketInvalid;
        var mark = rawTarget.IndexOf('?');
        if (Read(context, mark < 0 ? "" : rawTarget[(mark + 1)..], call) is { } refusal)
            return refusal;
        call.IsStreamed = true;
        return null;
    }

    private static Refusal? Read(HttpContext context, string query, KeysCall call)
    {
        var isRemoval = context.Request.Method is "DELETE";
        return BodyReader.RefuseAny(context.Request, BodyReader.ReadsAndDeletesTakeNone)
            ?? ReadHeaders(context.Request.Headers, call, isRemoval)
            ?? ReadQuery(query, context.Request.Headers, call, isRemoval)
            ?? (isRemoval ? ProveRemoval(call) : ReadAccept(context.Request.Headers, call))
            ?? ProveRange(call);
    }

    private static Refusal? ReadHeaders(IHeaderDictionary headers, KeysCall call, bool isRemoval)
    {
        if (isRemoval && headers.IfMatch.Count + headers.IfNoneMatch.Count > 0)
        {
            return new Refusal(
                ProblemType.ConditionInvalid,
                "A removal of many keys takes no If-Match and no If-None-Match: it removes what was counted and "
                    + "nothing that was written since.");
        }

        foreach (var (name, values) in headers)
        {
            // A name of the request is not remembered: a removal that is sent again counts anew.
            var isKey = OwnHeaders.Is(name, KvHeaders.IdempotencyKey);
            if (!isKey && (!OwnHeaders.Has(name) || OwnHeaders.IsIgnoredWithoutKey(name)
                || OwnHeaders.Is(name, KvHeaders.HopRequestId)))
                continue;
            var text = values.ToString();
            var refusal = isKey ? RequestIds.RefuseKey(values)
                : values.Count != 1 ? new Refusal(ProblemType.HeaderInvalid, $"{name} was sent more than once.")
                : OwnHeaders.Is(name, KvHeaders.Timeout) ? ReadTimeout(values, null, call)
                : OwnHeaders.Is(name, KvHeaders.Consistency) && !isRemoval ? ProveConsistency(text)
                : OwnHeaders.Is(name, KvHeaders.Ack) && isRemoval && text is "quorum" ? null
                : new Refusal(
                    ProblemType.HeaderInvalid,
                    $"Requests for many keys do not take {(name.Length <= 32 ? name : "this header")} so; headers that "
                        + "start with Kv- are never ignored.");
            if (refusal is not null)
                return refusal;
        }

        return null;
    }

    private static Refusal? ReadTimeout(StringValues header, string? parameter, KeysCall call)
    {
        var refusal = TimeoutReader.Read(header, parameter, out var timeout);
        call.Timeout = timeout ?? call.Timeout;
        return refusal;
    }

    /// <summary>A list is as strong as can be, whatever less is asked for.</summary>
    private static Refusal? ProveConsistency(string word) => word is "strong" or "session" or "bounded" or "eventual"
        ? null
        : new Refusal(
            ProblemType.HeaderInvalid,
            "The consistency must be strong, session, bounded or eventual; a list is strong.");

    private static Refusal? ReadQuery(string query, IHeaderDictionary headers, KeysCall call, bool isRemoval)
    {
        var rule = isRemoval ? RemovalParameters : call.IsExport ? ExportParameters : ListParameters;
        if (QueryPairs.Of(query) is not { } pairs)
            return Wrong(rule);
        foreach (var (name, value) in pairs)
        {
            var refusal = call.IsExport && name is not ("prefix" or "start" or "end" or "cursor" or "timeout")
                ? Wrong(rule)
                : name is "prefix" or "start" or "end" or "delimiter" ? ReadBytes(name, value, call, isRemoval)
                : name is "timeout" ? ReadTimeout(headers[KvHeaders.Timeout], Text(value), call)
                : isRemoval ? ReadOfRemoval(name, Text(value), call)
                : ReadOfList(name, Text(value), call);
            if (refusal is not null)
                return refusal;
        }

        return null;
    }

    private static Refusal? ReadBytes(string name, byte[] value, KeysCall call, bool isRemoval)
    {
        if (name is "delimiter" && isRemoval)
            return Wrong(RemovalParameters);
        if (value.Length > KeyPath.MaxKeyBytes)
            return Wrong($"The {name} may have as many bytes as a key, {KeyPath.MaxKeyBytes}.");
        if (!IsPartOfKey(value, isWhole: name is "delimiter"))
            return Wrong($"The {name} must be what a key can have: UTF-8 text without control characters.");
        call.HasRange |= name is not "delimiter";
        switch (name)
        {
            case "prefix":
                call.Prefix = value;
                break;
            case "start":
                call.Start = value;
                break;
            case "end":
                call.End = value;
                break;
            default:
                call.Delimiter = value;
                break;
        }

        return null;
    }

    private static Refusal? ReadOfList(string name, string value, KeysCall call)
    {
        switch (name)
        {
            case "order":
                call.IsDescending = value is "desc";
                return value is "asc" or "desc" ? null : Wrong("The order is asc or desc.");
            case "values":
                call.Values = value switch
                {
                    "meta" => ScanValues.Meta,
                    "full" => ScanValues.Full,
                    _ => ScanValues.None,
                };
                return value is "none" or "meta" or "full" ? null : Wrong("The values are none, meta or full.");
            case "count":
                call.IsCounted = value is "true";
                return value is "true" or "false" ? null : Wrong("The count is true or false.");
            case "limit":
                call.Limit = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
                    ? limit
                    : 0;
                return call.Limit is >= 1 and <= KeysCall.MaxLimit
                    ? null
                    : Wrong($"The limit is a whole number from 1 to {KeysCall.MaxLimit}.");
            case "consistency":
                return ProveConsistency(value) is { } weak ? Wrong(weak.Detail) : null;
            case "cursor":
                call.Cursor = ListCursor.Parse(value);
                return call.Cursor is not null ? null : Problems.CursorInvalid;
            default:
                return Wrong(ListParameters);
        }
    }

    private static Refusal? ReadOfRemoval(string name, string value, KeysCall call)
    {
        switch (name)
        {
            case "dry_run":
                call.IsDryRun = value is "true";
                return value is "true" or "false" ? null : Wrong("The dry_run is true or false.");
            case "confirm":
                call.Confirmed = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
                    ? count
                    : null;
                return call.Confirmed is not null ? null : Wrong("The confirm is the count that a dry run gave.");
            default:
                return Wrong(RemovalParameters);
        }
    }

    private static Refusal? ProveRemoval(KeysCall call) =>
        !call.HasRange ? Wrong(
            "A removal of many keys needs prefix, start or end. To remove all keys, drop the bucket, or send prefix= "
                + "with nothing behind it.")
        : call.IsDryRun == call.Confirmed is not null ? Wrong(
            "A removal of many keys needs dry_run=true, which counts them and removes none, or confirm= with that "
                + "count.")
        : null;

    private static Refusal? ProveRange(KeysCall call)
    {
        if (!call.End.IsEmpty && call.Start.Span.SequenceCompareTo(call.End.Span) > 0)
            return Wrong("The start is behind the end; both are in byte order of keys, whatever the order asked for.");
        return call.Cursor is { } cursor && cursor.Print != call.Print() ? Problems.CursorInvalid : null;
    }

    /// <summary>Lines are given to those who name them.</summary>
    private static Refusal? ReadAccept(IHeaderDictionary headers, KeysCall call)
    {
        if (Acceptance.Read(headers.Accept) is not { } accepted)
            return null;
        var (lines, json) = (accepted.QualityNamed(KvMediaTypes.Lines), accepted.QualityOf(MediaTypes.Json));
        if (call.IsExport)
            lines = accepted.QualityOf(KvMediaTypes.Lines);
        call.IsStreamed = lines > 0 && lines >= json;
        return lines > 0 || (json > 0 && !call.IsExport)
            ? null
            : new Refusal(
                ProblemType.NotAcceptable,
                call.IsExport
                    ? $"An export is given as {KvMediaTypes.Lines} only."
                    : $"A list can be given as {MediaTypes.Json} or {KvMediaTypes.Lines} only.");
    }

    /// <summary>Whether it is UTF-8 as keys have it, or the first bytes of such text.</summary>
    internal static bool IsPartOfKey(ReadOnlySpan<byte> bytes, bool isWhole)
    {
        if (bytes.ContainsAnyInRange((byte)0, (byte)0x1F) || bytes.Contains((byte)0x7F))
            return false;
        while (!bytes.IsEmpty)
        {
            var status = Rune.DecodeFromUtf8(bytes, out _, out var length);
            if (status is not OperationStatus.Done)
                return status is OperationStatus.NeedMoreData && !isWhole;
            bytes = bytes[length..];
        }

        return true;
    }

    private static string Text(byte[] value) => Encoding.UTF8.GetString(value);

    private static Refusal Wrong(string detail) => new(ProblemType.QueryInvalid, detail);
}
