using System.Buffers;
using System.Globalization;
using System.Text;
using KvStore.Contracts;
using KvStore.Node.Replication;
using Microsoft.Extensions.Options;

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

    /// <summary>Of this API, but without a meaning here: a request may carry them all the same.</summary>
    private static readonly HashSet<string> Ignored = new(StringComparer.OrdinalIgnoreCase)
    {
        KvHeaders.Forward, KvHeaders.Version, KvHeaders.StalenessMs, KvHeaders.Copies, KvHeaders.ServedBy,
        KvHeaders.Role, KvHeaders.Owner, KvHeaders.RequestId, KvHeaders.HopRequestId, KvHeaders.Session,
    };

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
        return RefuseBody(context.Request)
            ?? ReadHeaders(context.Request.Headers, call, isRemoval)
            ?? ReadQuery(query, call, isRemoval)
            ?? (isRemoval ? ProveRemoval(call) : ReadAccept(context.Request.Headers, call))
            ?? ProveRange(call);
    }

    private static Refusal? RefuseBody(HttpRequest request) =>
        request.ContentLength is null or 0 && request.Headers.TransferEncoding.Count == 0
            ? null
            : new Refusal(ProblemType.BodyNotAllowed, "GET, HEAD and DELETE take no body.") { ClosesConnection = true };

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
            var isKey = Is(name, KvHeaders.IdempotencyKey);
            if (!isKey && (!name.StartsWith("Kv-", StringComparison.OrdinalIgnoreCase) || Ignored.Contains(name)))
                continue;
            if (values.Count != 1)
                return new Refusal(ProblemType.HeaderInvalid, $"{name} was sent more than once.");
            var text = values.ToString();
            var refusal = isKey ? ProveKey(text)
                : Is(name, KvHeaders.Timeout) ? ReadTimeout(text, call)
                : Is(name, KvHeaders.Consistency) && !isRemoval ? ProveConsistency(text)
                : Is(name, KvHeaders.Ack) && isRemoval && text is "quorum" ? null
                : new Refusal(
                    ProblemType.HeaderInvalid,
                    $"Requests for many keys do not take {(name.Length <= 32 ? name : "this header")} so; headers that "
                        + "start with Kv- are never ignored.");
            if (refusal is not null)
                return refusal;
        }

        return null;
    }

    /// <summary>It has no use here: a removal that is sent again removes nothing that the first one left.</summary>
    private static Refusal? ProveKey(string text) => RequestIds.IsValid(text)
        ? null
        : new Refusal(ProblemType.IdempotencyKeyInvalid, "Idempotency-Key must have 1 to 64 visible ASCII characters.");

    private static Refusal? ReadTimeout(string text, KeysCall call)
    {
        if (!KvTimeout.TryParse(text, out var timeout, out var wrong))
            return new Refusal(ProblemType.HeaderInvalid, wrong);
        call.Timeout = timeout;
        return null;
    }

    /// <summary>A list is as strong as can be, whatever less is asked for.</summary>
    private static Refusal? ProveConsistency(string word) => word is "strong" or "session" or "bounded" or "eventual"
        ? null
        : new Refusal(
            ProblemType.HeaderInvalid,
            "The consistency must be strong, session, bounded or eventual; a list is strong.");

    private static Refusal? ReadQuery(string query, KeysCall call, bool isRemoval)
    {
        var seen = new HashSet<string>();
        var rule = isRemoval ? RemovalParameters : call.IsExport ? ExportParameters : ListParameters;
        if (query.Length == 0)
            return null;
        foreach (var range in query.AsSpan().Split('&'))
        {
            var pair = query.AsSpan(range);
            var equals = pair.IndexOf('=');
            if (equals < 0
                || !TryDecode(pair[..equals], out var name)
                || !TryDecode(pair[(equals + 1)..], out var value))
                return Wrong(rule);
            var word = Encoding.UTF8.GetString(name);
            var refusal = !seen.Add(word) ? Wrong(rule)
                : call.IsExport && word is not ("prefix" or "start" or "end" or "cursor" or "timeout") ? Wrong(rule)
                : word is "prefix" or "start" or "end" or "delimiter" ? ReadBytes(word, value, call, isRemoval)
                : word is "timeout" ? ReadTimeout(Text(value), call) is { } late ? Wrong(late.Detail) : null
                : isRemoval ? ReadOfRemoval(word, Text(value), call)
                : ReadOfList(word, Text(value), call);
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
        if (value.AsSpan().ContainsAnyInRange((byte)0, (byte)0x1F) || value.Contains((byte)0x7F)
            || !IsBeginningOfText(value, isWhole: name is "delimiter"))
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

    private static Refusal? ReadAccept(IHeaderDictionary headers, KeysCall call)
    {
        if (headers.Accept.Count == 0)
            return null;
        var takesAny = false;
        foreach (var value in headers.Accept)
        {
            if (value is null or "")
                return null;
            foreach (var range in value.AsSpan().Split(','))
            {
                var (type, isRefused) = MediaRange(value.AsSpan(range));
                if (isRefused)
                    continue;
                call.IsStreamed |= type is MediaTypes.Lines;
                takesAny |= type is "*/*" or "application/*" || (type is MediaTypes.Json && !call.IsExport);
            }
        }

        return takesAny || call.IsStreamed
            ? null
            : new Refusal(
                ProblemType.NotAcceptable,
                call.IsExport
                    ? $"An export is given as {MediaTypes.Lines} only."
                    : $"A list can be given as {MediaTypes.Json} or {MediaTypes.Lines} only.");
    }

    private static (string Type, bool IsRefused) MediaRange(ReadOnlySpan<char> range)
    {
        var end = range.IndexOf(';');
        var type = (end < 0 ? range : range[..end]).Trim();
        var weight = end < 0 ? default : range[(end + 1)..].Trim();
        return (type.ToString().ToLowerInvariant(), weight is "q=0" or "q=0.0" or "q=0.00" or "q=0.000");
    }

    /// <summary>Whether it is UTF-8, or the first bytes of such text.</summary>
    internal static bool IsBeginningOfText(ReadOnlySpan<byte> bytes, bool isWhole)
    {
        while (!bytes.IsEmpty)
        {
            var status = Rune.DecodeFromUtf8(bytes, out _, out var length);
            if (status is not OperationStatus.Done)
                return status is OperationStatus.NeedMoreData && !isWhole;
            bytes = bytes[length..];
        }

        return true;
    }

    /// <summary>Decodes once; a plus is a plus.</summary>
    internal static bool TryDecode(ReadOnlySpan<char> text, out byte[] bytes)
    {
        bytes = new byte[text.Length];
        var length = 0;
        for (var at = 0; at < text.Length; at++)
        {
            if (text[at] == '%')
            {
                if (at + 2 >= text.Length
                    || !byte.TryParse(
                        text.Slice(at + 1, 2),
                        NumberStyles.AllowHexSpecifier,
                        CultureInfo.InvariantCulture,
                        out var octet))
                    return false;
                bytes[length++] = octet;
                at += 2;
            }
            else if (text[at] is > '\x20' and < '\x7F' and not ('#' or '\\'))
            {
                bytes[length++] = (byte)text[at];
            }
            else
            {
                return false;
            }
        }

        Array.Resize(ref bytes, length);
        return true;
    }

    private static string Text(byte[] value) => Encoding.UTF8.GetString(value);

    private static bool Is(string name, string known) => name.Equals(known, StringComparison.OrdinalIgnoreCase);

    private static Refusal Wrong(string detail) => new(ProblemType.QueryInvalid, detail);
}
