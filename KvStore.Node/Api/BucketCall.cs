using System.Globalization;
using System.IO.Hashing;
using System.Text;
using KvStore.Contracts;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace KvStore.Node.Api;

/// <summary>A request for buckets, read and proved.</summary>
internal sealed record BucketCall
{
    /// <summary>The bucket; empty in a request for all of them.</summary>
    public required string Name { get; init; }

    /// <summary>How long it may take.</summary>
    public TimeSpan Timeout { get; init; }

    /// <summary>The client's name for a change; null when it gave none.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>The name that an earlier hop gave a change; null when there was none.</summary>
    public string? HopRequestId { get; init; }

    /// <summary>What <c>If-Match</c> asks for.</summary>
    public EtagCondition? IfMatch { get; init; }

    /// <summary>What <c>If-None-Match</c> asks for.</summary>
    public EtagCondition? IfNoneMatch { get; init; }

    /// <summary>The most buckets in an answer.</summary>
    public int Limit { get; init; } = 100;

    /// <summary>The name after which an answer begins; null: at the first.</summary>
    public string? After { get; init; }

    /// <summary>The body; empty when there was none.</summary>
    public ReadOnlyMemory<byte> Body { get; set; }

    /// <summary>What it asks for, as a number.</summary>
    public ulong PrintOf(HttpRequest request)
    {
        var hash = new XxHash3();
        hash.Append(Encoding.UTF8.GetBytes(
            $"{request.Method}\n{Name}\n{request.Headers.IfMatch}\n{request.Headers.IfNoneMatch}\n"));
        hash.Append(Body.Span);
        return hash.GetCurrentHashAsUInt64();
    }
}

/// <summary>
/// Reads everything of a request for buckets but its body. As with keys, what it does not know it refuses.
/// </summary>
internal sealed class BucketCallReader(IOptions<ApiOptions> options)
{
    /// <summary>The most buckets that one answer lists.</summary>
    public const int MaxLimit = 1000;

    /// <summary>Reads a request.</summary>
    /// <returns>Null when <paramref name="call"/> was read; else why not.</returns>
    public Refusal? Read(HttpContext context, string name, out BucketCall call)
    {
        call = new BucketCall { Name = name, Timeout = options.Value.DefaultTimeout };
        if (name.Length > 0 && !BucketName.IsValid(name))
            return Problems.BucketInvalid;
        return ReadHeaders(context.Request.Headers, ref call)
            ?? ReadQuery(context, ref call)
            ?? ReadConditions(context.Request, ref call);
    }

    internal static Refusal? ReadHeaders(IHeaderDictionary headers, ref BucketCall call)
    {
        foreach (var (name, values) in headers)
        {
            var isKey = OwnHeaders.Is(name, KvHeaders.IdempotencyKey);
            if (!isKey && (!OwnHeaders.Has(name) || OwnHeaders.IsIgnoredWithoutKey(name)
                || OwnHeaders.Is(name, KvHeaders.Consistency)))
                continue;
            var refusal = isKey ? ReadKey(values, ref call)
                : OwnHeaders.Is(name, KvHeaders.HopRequestId) ? ReadHop(values, ref call)
                : values.Count != 1 ? new Refusal(ProblemType.HeaderInvalid, $"{name} was sent more than once.")
                : OwnHeaders.Is(name, KvHeaders.Timeout) ? ReadTimeout(values, null, ref call)
                : new Refusal(
                    ProblemType.HeaderInvalid,
                    "A header that starts with Kv- is not one that requests for buckets take; headers with that prefix "
                        + "are never ignored.");
            if (refusal is not null)
                return refusal;
        }

        return null;
    }

    internal static Refusal? ReadTimeout(StringValues header, string? parameter, ref BucketCall call)
    {
        var refusal = TimeoutReader.Read(header, parameter, out var timeout);
        call = call with { Timeout = timeout ?? call.Timeout };
        return refusal;
    }

    private static Refusal? ReadHop(StringValues values, ref BucketCall call)
    {
        call = call with { HopRequestId = values.ToString() };
        return RequestIds.RefuseHop(values);
    }

    private static Refusal? ReadKey(StringValues values, ref BucketCall call)
    {
        call = call with { IdempotencyKey = values.ToString() };
        return RequestIds.RefuseKey(values);
    }

    private static Refusal? ReadQuery(HttpContext context, ref BucketCall call)
    {
        var wrong = new Refusal(
            ProblemType.QueryInvalid,
            "The query takes timeout, and in a list of buckets limit and cursor, each once as name=value.");
        if (QueryPairs.Of(context) is not { } pairs)
            return wrong;
        var isList = call.Name.Length == 0;
        foreach (var (name, bytes) in pairs)
        {
            var value = Encoding.UTF8.GetString(bytes);
            var refusal = name switch
            {
                "timeout" => ReadTimeout(context.Request.Headers[KvHeaders.Timeout], value, ref call),
                "limit" when isList => ReadLimit(value, ref call),
                "cursor" when isList => ReadCursor(value, ref call),
                _ => wrong,
            };
            if (refusal is not null)
                return refusal;
        }

        return null;
    }

    private static Refusal? ReadLimit(string text, ref BucketCall call)
    {
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
            || limit is < 1 or > MaxLimit)
            return new Refusal(ProblemType.QueryInvalid, $"The limit is a whole number from 1 to {MaxLimit}.");
        call = call with { Limit = limit };
        return null;
    }

    private static Refusal? ReadCursor(string text, ref BucketCall call)
    {
        call = call with { After = text };
        return BucketName.IsValid(text)
            ? null
            : new Refusal(ProblemType.QueryInvalid, "The cursor must be one that an earlier answer gave.");
    }

    private static Refusal? ReadConditions(HttpRequest request, ref BucketCall call)
    {
        var (match, noneMatch, wrong) = (default(EtagCondition), default(EtagCondition), default(string));
        var (ifMatch, ifNoneMatch) = (request.Headers.IfMatch, request.Headers.IfNoneMatch);
        if (ifMatch.Count > 0 && !EtagCondition.TryParse(Join(ifMatch), out match, out wrong))
            return new Refusal(ProblemType.ConditionInvalid, "If-Match: " + wrong);
        if (ifNoneMatch.Count > 0 && !EtagCondition.TryParse(Join(ifNoneMatch), out noneMatch, out wrong))
            return new Refusal(ProblemType.ConditionInvalid, "If-None-Match: " + wrong);
        call = call with { IfMatch = match, IfNoneMatch = noneMatch };
        if (request.Method is "GET" or "HEAD")
            return null;
        return match is not null && noneMatch is not null || noneMatch is { IsAny: false }
            ? new Refusal(
                ProblemType.ConditionInvalid,
                "A change takes If-Match, or If-None-Match with an asterisk, to create only; not both.")
            : null;
    }

    private static string Join(StringValues header) => string.Join(',', header.ToArray());
}
