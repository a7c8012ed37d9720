using System.Collections.Immutable;
using KvStore.Contracts;

namespace KvStore.OpenApi;

/// <summary>The headers of answers.</summary>
internal static class Headers
{
    public static Header Etag { get; } = new(
        "ETag", Grammar.Text(maxLength: EtagFormat.MaxLength), Grammar.EtagExample,
        "The version that is stored, as `If-Match` and `If-None-Match` take it. Strong, quoted, opaque; a version is "
            + "never given to a key twice.");

    public static Header Version { get; } = new(
        KvHeaders.Version, Grammar.Number(1), "42",
        "Commit sequence of the key's partition at the write: it grows, and is never reused, also not after the key "
            + "was deleted. So it serves as a fencing token.");

    public static Header ServedBy { get; } = new(
        KvHeaders.ServedBy, Grammar.Text(), "node2", "The name of the node whose copy answered.");

    public static Header RequestId { get; } = new(
        KvHeaders.RequestId, Grammar.Text(), "4bf92f3577b34da6a3ce929d0e0e4736",
        "What the log lines of this request carry: the id of its trace, or one made up where it has none.");

    public static Header Role { get; } = new(
        KvHeaders.Role, Grammar.Words("primary", "backup"), "primary", "Whose copy answered.");

    public static Header Consistency { get; } = new(
        KvHeaders.Consistency, Grammar.Words(Parameters.Levels), "strong",
        "What the read really was: `strong` where the primary had to answer.");

    public static Header StalenessMs { get; } = new(
        KvHeaders.StalenessMs, Grammar.Number(), "18",
        "Milliseconds since this copy last had all that its primary had committed. Absent from a `strong` read.");

    public static Header Age { get; } = new(
        "Age", Grammar.Number(), "1", "`Kv-Staleness-Ms` in seconds, rounded up. Absent from a `strong` read.");

    public static Header Session { get; } = new(
        KvHeaders.Session, Grammar.Text(), "AQAAAADA_-4AAAABKg",
        "What this session has seen by now, as an opaque token: send the latest one back to see your own writes on "
            + "any node. On every write, and on reads that sent one or asked for `session`.");

    public static Header Copies { get; } = new(
        KvHeaders.Copies, Grammar.Text("^[0-9]+/[0-9]+$"), "2/3",
        "Copies on stable storage when the answer was made, of all that vote.");

    public static Header ServerTiming { get; } = new(
        KvHeaders.ServerTiming, Grammar.Text(), "route;dur=0.081, quorum;dur=1.93, fsync;dur=0.846",
        "Where the time of the write went, in milliseconds: until its primary had given it a place in the log (one "
            + "`route` for each hop, with its name as `desc`), from there until its outcome was certain, and until the "
            + "primary's own disk had it. Without the last where other copies were sooner.");

    public static Header IdempotencyReplayed { get; } = new(
        KvHeaders.IdempotencyReplayed, Grammar.Words("true"), "true",
        "This is the answer of an earlier request with the same `Idempotency-Key`. Absent otherwise.");

    public static Header ExpiresAt { get; } = new(
        KvHeaders.ExpiresAt, Grammar.Time, "2026-01-31T12:00:00.000Z", "When the key ends. Absent when it does not.");

    public static Header Expires { get; } = new(
        "Expires", Grammar.Text(), "Sat, 31 Jan 2026 12:00:00 GMT", "The same as an HTTP date.");

    public static Header LastModified { get; } = new(
        "Last-Modified", Grammar.Text(), "Sat, 31 Jan 2026 11:00:00 GMT", "When the value was last written.");

    public static Header Metadata { get; } = new(
        KvHeaders.MetadataPrefix + "{name}", Grammar.Text(), "alice",
        "One header for each piece of metadata that was stored with the value, `{name}` in lower case.")
    {
        Id = "Kv-Meta",
    };

    public static Header ContentDigest { get; } = new(
        KvHeaders.ContentDigest, Grammar.Text(), "sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:",
        "The digest of the content of this answer, if `Want-Content-Digest` asked for it and the face is raw.");

    public static Header PreferenceApplied { get; } = new(
        KvHeaders.PreferenceApplied, Grammar.Text(), "return=minimal", "What of `Prefer` was honoured.");

    public static Header CacheControl { get; } = new(
        "Cache-Control", Grammar.Text(), "no-cache",
        "`no-cache`: what is kept must be asked for again with its `ETag`. A bucket may set another one for its "
            + "values.");

    public static Header Vary { get; } = new(
        "Vary", Grammar.Text(), "Accept, Kv-Consistency, Authorization", "What else the answer depends on.");

    public static Header Location { get; } = new(
        "Location", Grammar.Text(), "/v1/greeting", "The path of what was created.");

    public static Header Link { get; } = new(
        "Link", Grammar.Text(), "</v1?prefix=docs%2F&cursor=abc>; rel=\"next\"",
        "The next page. Absent on the last one.");

    public static Header Allow { get; } = new(
        "Allow", Grammar.Text(), Routes.KeyMethods, "The methods that the path takes.");

    public static Header AcceptPatch { get; } = new(
        KvHeaders.AcceptPatch, Grammar.Text(), KvMediaTypes.Patches, "The types of body that `PATCH` takes.");

    public static Header AcceptRanges { get; } = new(
        "Accept-Ranges", Grammar.Words("bytes"), "bytes", "Parts of a value can be asked for, where it is given raw.");

    public static Header ContentRange { get; } = new(
        "Content-Range", Grammar.Text(), "bytes 0-99/1234",
        "Which bytes these are, and how many there are; with 416 `bytes */1234`.");

    public static Header ContentSecurityPolicy { get; } = new(
        "Content-Security-Policy", Grammar.Text(), "sandbox",
        "A browser runs no script of a value that a writer stored.");

    public static Header ContentTypeOptions { get; } = new(
        "X-Content-Type-Options", Grammar.Words("nosniff"), "nosniff", "A browser does not guess the type.");

    public static Header RetryAfter { get; } = new(
        "Retry-After", Grammar.Number(1), "1", "Seconds after which a retry is worth it. Absent where nobody knows.");

    public static Header Owner { get; } = new(
        KvHeaders.Owner, Grammar.Text(), "node2",
        "The name of the node that is believed to be the key's primary. Absent when none is known.");

    /// <summary>On every answer of a node.</summary>
    public static ImmutableArray<Header> OfNode { get; } = [CacheControl, ServedBy, RequestId];

    /// <summary>On every answer to a read of a key, also where it is not there.</summary>
    public static ImmutableArray<Header> OfRead { get; } = [Role, Consistency, StalenessMs, Age, Session];

    /// <summary>What the refusal carries, besides that of every other.</summary>
    public static ImmutableArray<Header> Of(ProblemType problem, bool isRead) =>
    [
        .. problem.Status is 429 or 503 ? [RetryAfter] : ImmutableArray<Header>.Empty,
        .. problem.Status is 405 ? [Allow] : ImmutableArray<Header>.Empty,
        .. problem.Status is 415 ? [AcceptPatch] : ImmutableArray<Header>.Empty,
        .. problem.Status is 416 ? [ContentRange] : ImmutableArray<Header>.Empty,
        .. problem == ProblemType.NotPrimary || problem == ProblemType.OperationElsewhere
            ? [Owner] : ImmutableArray<Header>.Empty,
        .. problem == ProblemType.PreconditionFailed ? [Etag] : ImmutableArray<Header>.Empty,
        .. problem == ProblemType.DeadlineExceeded && !isRead ? [Version, Copies] : ImmutableArray<Header>.Empty,
        .. isRead && (problem == ProblemType.NotFound || problem == ProblemType.PreconditionFailed) ? OfRead : [],
    ];
}
