using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.ServiceDefaults;
using Microsoft.AspNetCore.Http.Features;

namespace KvStore.Node.Api;

/// <summary>From refusals to answers: the one place where an outcome becomes a status code.</summary>
internal sealed partial class Problems(INodeStatus node, HopIds ids)
{
    private const int SoonSeconds = 1;

    /// <summary>The node has begun to stop.</summary>
    public static Refusal Draining { get; } =
        new(ProblemType.Draining, "The node is stopping; nothing was applied.") { RetryAfterSeconds = SoonSeconds };

    /// <summary>The cluster has not formed yet.</summary>
    public static Refusal NotReady { get; } =
        new(ProblemType.NotReady, "The cluster is forming; nothing was applied.") { RetryAfterSeconds = SoonSeconds };

    /// <summary>Too much is waiting; nothing was begun.</summary>
    public static Refusal Overloaded { get; } =
        new(ProblemType.Overloaded, "Too much is waiting; nothing was applied.") { RetryAfterSeconds = SoonSeconds };

    /// <summary>As many watches and waiting reads are open as the node takes.</summary>
    public static Refusal TooManyWatches { get; } =
        new(ProblemType.TooManyWatches, "As many watches are open as this node takes; another node may take this one.")
        {
            RetryAfterSeconds = SoonSeconds,
        };

    /// <summary>The disk has no room for new values; nothing was begun.</summary>
    public static Refusal DiskLow { get; } = new(
        ProblemType.DiskLow,
        "The disk of the key's primary is nearly full: it reads and deletes, but stores nothing. Nothing was applied.");

    /// <summary>A key of this age may have been applied and forgotten, and so is never applied again.</summary>
    private static Refusal IdempotencyExpired { get; } = new(
        ProblemType.IdempotencyExpired,
        "Keys as old as this Idempotency-Key are forgotten already: an earlier request with it may have been applied; "
            + "this one was not. Read the stored value; what is still missing needs a new Idempotency-Key. If this one "
            + "was new, the client's clock is slow.");

    /// <summary>Nothing can have been applied under a key that is that far ahead.</summary>
    private static Refusal IdempotencyAhead { get; } = new(
        ProblemType.IdempotencyAhead,
        $"The time in this Idempotency-Key is more than {KeyValueState.LongestLeadMs / 1000} s ahead of the store's; "
            + "nothing was applied. Check the client's clock and use a new Idempotency-Key.");

    /// <summary>There is no such bucket; nothing was begun.</summary>
    public static Refusal BucketNotFound { get; } =
        new(ProblemType.BucketNotFound, "There is no bucket of this name; nothing was applied.");

    private static Refusal NotANumber { get; } = new(
        ProblemType.ValueNotANumber, "The stored value is no decimal integer of 64 bits; nothing was applied.");

    private static Refusal NumberOverflow { get; } =
        new(ProblemType.NumberOverflow, "The sum would have more than 64 bits; nothing was applied.");

    private static Refusal NotJson { get; } = new(
        ProblemType.ValueNotJson,
        "The stored value is not JSON, or has a name twice, or is too deep to be patched; nothing was applied.");

    private static Refusal PatchedTooLarge { get; } = new(
        ProblemType.ValueTooLarge, "The patched value would be larger than a value may be; nothing was applied.");

    /// <summary>The value has none of the bytes that are asked for.</summary>
    public static Refusal RangeNotSatisfiable(string contentRange) =>
        new(ProblemType.RangeNotSatisfiable, "Content-Range tells how many bytes there are.")
        {
            ContentRange = contentRange,
        };

    /// <summary>The key is not there.</summary>
    public static Refusal NotFound { get; } = new(ProblemType.NotFound, "No value is stored under this key.");

    /// <summary>A defect of ours.</summary>
    public static Refusal Internal(bool isWrite) => new(
        ProblemType.Internal,
        isWrite ? "The server failed; whether the write was applied is unknown." : "The server failed.")
    {
        Applied = isWrite ? Applied.Unknown : Applied.No,
    };

    /// <summary>This node is not the primary and may not forward.</summary>
    public static Refusal NotPrimary(string? owner) => new(
        ProblemType.NotPrimary,
        owner is null ? "No primary of this key is known here." : "Kv-Owner names the node to ask.")
    {
        Owner = owner,
    };

    /// <summary>The deadline passed: what that means depends on whether anything may have reached a log.</summary>
    public static Refusal DeadlinePassed(bool mayBeApplied) => mayBeApplied
        ? new Refusal(
            ProblemType.DeadlineExceeded,
            "The deadline passed before the outcome was known; the write may be applied now, later or never. "
                + "A retry is safe with the same Idempotency-Key, if one was sent.")
        {
            Applied = Applied.Unknown,
        }
        : new Refusal(
            ProblemType.NoQuorum, "No primary of this key could confirm itself in time; nothing was applied.")
        {
            RetryAfterSeconds = SoonSeconds,
        };

    /// <summary>The stored version does not meet a condition.</summary>
    public static Refusal PreconditionFailed(ulong clusterId, KeyVersion stored) => new(
        ProblemType.PreconditionFailed,
        stored == KeyVersion.None ? "The key is not there." : "currentEtag is the version that is stored.")
    {
        CurrentEtag = stored == KeyVersion.None ? null : Etags.Format(clusterId, stored),
    };

    /// <summary>Why a write is refused; null when it was done.</summary>
    public static Refusal? From(WriteOutcome outcome, ulong clusterId) => outcome switch
    {
        WriteOutcome.Committed committed => From(committed.Result, clusterId),
        WriteOutcome.Flushed => null,
        WriteOutcome.TooFewCopies few => From(few.Result, clusterId) ?? TooFewCopies(few),
        WriteOutcome.Overloaded => Overloaded,
        WriteOutcome.DiskLow => DiskLow,
        WriteOutcome.NotPrimary => NotPrimary(owner: null),
        WriteOutcome.Indeterminate => DeadlinePassed(mayBeApplied: true),
        _ => throw new UnreachableException(),
    };

    private static Refusal? From(WriteResult result, ulong clusterId) => result.Status switch
    {
        WriteStatus.Created or WriteStatus.Replaced or WriteStatus.Deleted => null,
        WriteStatus.NotFound => NotFound,
        WriteStatus.VersionMismatch => PreconditionFailed(clusterId, result.Version),
        WriteStatus.RequestIdReused => new Refusal(
            ProblemType.IdempotencyMismatch, "This request id belongs to another request; nothing was applied."),
        WriteStatus.RequestIdExpired => IdempotencyExpired,
        WriteStatus.RequestIdAhead => IdempotencyAhead,
        WriteStatus.BucketGone => BucketNotFound,
        WriteStatus.MemoryFull => MemoryFull,
        WriteStatus.NotANumber => NotANumber,
        WriteStatus.NumberOverflow => NumberOverflow,
        WriteStatus.NotJson => NotJson,
        WriteStatus.TooLarge => PatchedTooLarge,
        WriteStatus.Locked => Locked,
        _ => throw new UnreachableException(),
    };

    private static Refusal TooFewCopies(WriteOutcome.TooFewCopies few) => new(
        ProblemType.DeadlineExceeded, "A majority applied the write, but not every copy came in time.")
    {
        Applied = Applied.Yes,
        Version = few.Result.Version.Index.Value,
        Copies = CopyCounts.Format(few.Copies, few.Voters),
    };

    /// <summary>Answers with a problem; the response must not have begun.</summary>
    /// <param name="context">The request.</param>
    /// <param name="refusal">Why.</param>
    /// <param name="target">The key, if the request named one.</param>
    public ValueTask WriteAsync(HttpContext context, Refusal refusal, KeyTarget.Key? target)
    {
        var response = context.Response;
        var id = IdOf(context);    // before what is there is cleared
        response.Clear();
        response.StatusCode = refusal.Type.Status;
        Sign(response, id);
        SetHeaders(response.Headers, refusal);
        var problem = Problem.Of(refusal.Type, refusal.Detail, refusal.Applied) with
        {
            Instance = PathOf(context),
            Key = target is null ? null : Encoding.UTF8.GetString(target.Bytes.Span),
            Bucket = target?.Bucket,
            CurrentEtag = refusal.CurrentEtag,
            Count = refusal.Count,
            OldestCursor = refusal.OldestCursor,
            Failed = refusal.Failed,
            Import = refusal.Import,
            Node = node.Name,
            TraceId = id,
        };
        var body = JsonSerializer.SerializeToUtf8Bytes(problem, ContractsJson.Default.Problem);
        response.ContentType = Problem.MediaType;
        response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? ValueTask.CompletedTask
            : response.Body.WriteAsync(body, context.RequestAborted);
    }

    /// <summary>
    /// What log lines and the answer call the request: its trace, also if nobody listens. One without a trace is given
    /// a name when it is first asked for, and the answer's header keeps it.
    /// </summary>
    public string IdOf(HttpContext context)
    {
        if (RequestTrace.IdOf(context) is { } trace)
            return trace;
        var headers = context.Response.Headers;
        if (headers.TryGetValue(KvHeaders.RequestId, out var given) && given is [{ } called])
            return called;
        var id = ids.Next();
        if (!context.Response.HasStarted)
            headers[KvHeaders.RequestId] = id;
        return id;
    }

    /// <summary>Sets who answers, and what log lines call the request.</summary>
    public void Sign(HttpContext context) => Sign(context.Response, IdOf(context));

    private void Sign(HttpResponse response, string id)
    {
        response.Headers[KvHeaders.RequestId] = id;
        response.Headers[KvHeaders.ServedBy] = node.Name;
    }

    private static void SetHeaders(IHeaderDictionary headers, Refusal refusal)
    {
        headers.CacheControl = "no-cache";
        refusal.Read?.WriteTo(headers);
        if (refusal.Session is { } session)
            headers[KvHeaders.Session] = session;
        if (refusal.IsReplay)
            headers[KvHeaders.IdempotencyReplayed] = "true";
        if (refusal.RetryAfterSeconds is { } seconds)
            headers.RetryAfter = RetryAfter.Header(seconds);
        if (refusal.Allow is { } allow)
            headers.Allow = allow;
        if (refusal.AcceptPatch is { } patches)
            headers[KvHeaders.AcceptPatch] = patches;
        if (refusal.ContentRange is { } range)
            headers.ContentRange = range;
        if (refusal.Owner is { } owner)
            headers[KvHeaders.Owner] = owner;
        if (refusal.CurrentEtag is { } etag)
            headers.ETag = etag;
        if (refusal.Version is { } version)
            headers[KvHeaders.Version] = version.ToString(CultureInfo.InvariantCulture);
        if (refusal.Copies is { } copies)
            headers[KvHeaders.Copies] = copies;
        if (refusal.ClosesConnection)
            headers.Connection = "close";
    }

    /// <summary>The path as it was sent, without the query.</summary>
    private static string PathOf(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var mark = target.IndexOf('?');
        return mark < 0 ? target : target[..mark];
    }
}
