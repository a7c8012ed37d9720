using System.Collections.Immutable;

namespace KvStore.Contracts;

/// <summary>One of the refusals that a client can meet. The list is closed: <see cref="All"/>.</summary>
public sealed class ProblemType
{
    private ProblemType(string code, int status, string title, bool retryable = false)
    {
        Code = code;
        Status = status;
        Title = title;
        Retryable = retryable;
        Reference = "/problems/" + code;
    }

    /// <summary>The stable word that programs look at, such as <c>key-invalid</c>.</summary>
    public string Code { get; }

    /// <summary>The HTTP status code.</summary>
    public int Status { get; }

    /// <summary>A sentence that is the same for every problem of this type.</summary>
    public string Title { get; }

    /// <summary>
    /// Whether the same request may soon succeed without anybody changing anything. A write whose outcome is unknown
    /// must then carry the same <see cref="KvHeaders.IdempotencyKey"/> again.
    /// </summary>
    public bool Retryable { get; }

    /// <summary>
    /// The <c>type</c> member of RFC 9457: <c>/problems/</c> and the code, a reference relative to the server that
    /// answered, the same on every one.
    /// </summary>
    public string Reference { get; }

    /// <summary>400: the key is empty, not UTF-8, or has a character or segment that is not safe in a path.</summary>
    public static ProblemType KeyInvalid { get; } = new("key-invalid", 400, "The key is not valid");

    /// <summary>414: the key has more than <see cref="KeyPath.MaxKeyBytes"/> bytes.</summary>
    public static ProblemType KeyTooLong { get; } = new("key-too-long", 414, "The key is too long");

    /// <summary>400: the bucket's name is not one that buckets can have.</summary>
    public static ProblemType BucketInvalid { get; } =
        new("bucket-invalid", 400, "The name of the bucket is not valid");

    /// <summary>400: the request target is no path, or not encoded as one.</summary>
    public static ProblemType TargetInvalid { get; } = new("target-invalid", 400, "The request target is not valid");

    /// <summary>400: a query parameter is unknown, given twice, or has no valid value.</summary>
    public static ProblemType QueryInvalid { get; } = new("query-invalid", 400, "The query is not valid");

    /// <summary>400: a header that the API defines has no valid value.</summary>
    public static ProblemType HeaderInvalid { get; } = new("header-invalid", 400, "A header is not valid");

    /// <summary>400: the body is not what the content type and the route ask for.</summary>
    public static ProblemType BodyInvalid { get; } = new("body-invalid", 400, "The body is not valid");

    /// <summary>400: a body where none is taken.</summary>
    public static ProblemType BodyNotAllowed { get; } = new("body-not-allowed", 400, "This request takes no body");

    /// <summary>400: the body is not the one that its <c>Content-Digest</c> was made of.</summary>
    public static ProblemType DigestMismatch { get; } =
        new("digest-mismatch", 400, "The body does not match its digest");

    /// <summary>400: <c>If-Match</c> or <c>If-None-Match</c> is malformed, weak or long, or both are sent.</summary>
    public static ProblemType ConditionInvalid { get; } = new("condition-invalid", 400, "The condition is not valid");

    /// <summary>400: the idempotency key is not 1 to 64 visible ASCII characters.</summary>
    public static ProblemType IdempotencyKeyInvalid { get; } =
        new("idempotency-key-invalid", 400, "The idempotency key is not valid");

    /// <summary>400: the session token is none that an answer gave.</summary>
    public static ProblemType SessionInvalid { get; } =
        new("session-invalid", 400, "The session token is not valid");

    /// <summary>400: no answer to such a request gave the cursor, or it is ahead of all that was committed.</summary>
    public static ProblemType CursorInvalid { get; } = new("cursor-invalid", 400, "The cursor is not valid");

    /// <summary>404: the key is not there.</summary>
    public static ProblemType NotFound { get; } = new("not-found", 404, "The key does not exist");

    /// <summary>404: the bucket is not there.</summary>
    public static ProblemType BucketNotFound { get; } = new("bucket-not-found", 404, "The bucket does not exist");

    /// <summary>404: no operation of this id is known.</summary>
    public static ProblemType OperationNotFound { get; } =
        new("operation-not-found", 404, "There is no such operation");

    /// <summary>404: nothing is served under this path.</summary>
    public static ProblemType RouteNotFound { get; } = new("route-not-found", 404, "There is nothing at this path");

    /// <summary>405: the path does not take this method; <c>Allow</c> lists those it does.</summary>
    public static ProblemType MethodNotAllowed { get; } =
        new("method-not-allowed", 405, "The method is not allowed here");

    /// <summary>406: no representation of the key fits <c>Accept</c>.</summary>
    public static ProblemType NotAcceptable { get; } =
        new("not-acceptable", 406, "None of the accepted representations can be given");

    /// <summary>403: only nodes of the cluster may ask for this.</summary>
    public static ProblemType Forbidden { get; } = new("forbidden", 403, "This is for nodes of the cluster alone");

    /// <summary>409: the cluster is not in a state in which that can be done.</summary>
    public static ProblemType Conflict { get; } = new("conflict", 409, "The state of the cluster does not allow it");

    /// <summary>
    /// 409: the idempotency key is as old as others that were forgotten; it may have been applied before.
    /// </summary>
    public static ProblemType IdempotencyExpired { get; } =
        new("idempotency-expired", 409, "The idempotency key is too old");

    /// <summary>409: the time in the idempotency key is too far in the future.</summary>
    public static ProblemType IdempotencyAhead { get; } =
        new("idempotency-ahead", 409, "The idempotency key is ahead of time");

    /// <summary>410: what the cursor goes on in is no longer held; the request begins again without it.</summary>
    public static ProblemType CursorCompacted { get; } =
        new("cursor-compacted", 410, "What the cursor goes on in is not kept any more");

    /// <summary>412: the stored version is not the one the condition names.</summary>
    public static ProblemType PreconditionFailed { get; } =
        new("precondition-failed", 412, "The stored version is different");

    /// <summary>413: the value has more bytes than the server takes.</summary>
    public static ProblemType ValueTooLarge { get; } = new("value-too-large", 413, "The value is too large");

    /// <summary>413: a transaction has more operations and comparisons, or more bytes, than one may have.</summary>
    public static ProblemType TransactionTooLarge { get; } =
        new("txn-too-large", 413, "The transaction is too large");

    /// <summary>413: the values that were asked for have more bytes than one answer may have.</summary>
    public static ProblemType AnswerTooLarge { get; } = new("answer-too-large", 413, "The answer would be too large");

    /// <summary>415: the content type is missing or not one the route takes.</summary>
    public static ProblemType UnsupportedMediaType { get; } =
        new("unsupported-media-type", 415, "The content type is not supported");

    /// <summary>415: the body is compressed; the server does not decompress.</summary>
    public static ProblemType UnsupportedEncoding { get; } =
        new("unsupported-encoding", 415, "The content encoding is not supported");

    /// <summary>416: the value has no byte that the range asks for.</summary>
    public static ProblemType RangeNotSatisfiable { get; } =
        new("range-not-satisfiable", 416, "The value has none of these bytes");

    /// <summary>421: this node is not the primary of the key's partition and was asked not to forward.</summary>
    public static ProblemType NotPrimary { get; } =
        new("not-primary", 421, "Another node is the primary of this key", retryable: true);

    /// <summary>421: another node carries this operation out.</summary>
    public static ProblemType OperationElsewhere { get; } =
        new("operation-elsewhere", 421, "Another node carries this operation out", retryable: true);

    /// <summary>421: the node belongs to another cluster than the caller believes.</summary>
    public static ProblemType WrongCluster { get; } = new("wrong-cluster", 421, "The node belongs to another cluster");

    /// <summary>422: the idempotency key was used before, for another request.</summary>
    public static ProblemType IdempotencyMismatch { get; } =
        new("idempotency-mismatch", 422, "The idempotency key belongs to another request");

    /// <summary>422: the value that is to be added to is no decimal integer of 64 bits.</summary>
    public static ProblemType ValueNotANumber { get; } =
        new("value-not-a-number", 422, "The stored value is not a number");

    /// <summary>422: the sum has more than 64 bits.</summary>
    public static ProblemType NumberOverflow { get; } = new("number-overflow", 422, "The sum is too large");

    /// <summary>422: the value that is to be patched is not JSON.</summary>
    public static ProblemType ValueNotJson { get; } = new("value-not-json", 422, "The stored value is not JSON");

    /// <summary>424: an earlier operation of the batch failed, and nothing after it was tried.</summary>
    public static ProblemType NotAttempted { get; } =
        new("not-attempted", 424, "An earlier operation failed", retryable: true);

    /// <summary>428: the bucket takes no write without <c>If-Match</c> or <c>If-None-Match</c>.</summary>
    public static ProblemType PreconditionRequired { get; } =
        new("precondition-required", 428, "The bucket takes conditional writes only");

    /// <summary>429: a node holds as many snapshots for lists that are read page by page as it can.</summary>
    public static ProblemType TooManySnapshots { get; } =
        new("too-many-snapshots", 429, "Too many lists are being read", retryable: true);

    /// <summary>429: a node carries out as many operations as it takes on.</summary>
    public static ProblemType TooManyOperations { get; } =
        new("too-many-operations", 429, "Too many operations are running", retryable: true);

    /// <summary>429: as many watches are open as the node takes.</summary>
    public static ProblemType TooManyWatches { get; } =
        new("too-many-watches", 429, "The node has as many watches as it takes", retryable: true);

    /// <summary>500: a defect of the server.</summary>
    public static ProblemType Internal { get; } = new("internal", 500, "The server failed");

    /// <summary>503: no majority of the partition's replicas can be reached.</summary>
    public static ProblemType NoQuorum { get; } =
        new("no-quorum", 503, "No majority of the key's replicas answers", retryable: true);

    /// <summary>503: the node is starting or the cluster is still forming.</summary>
    public static ProblemType NotReady { get; } = new("not-ready", 503, "The node is not ready yet", retryable: true);

    /// <summary>503: too much is waiting on the node; nothing was begun.</summary>
    public static ProblemType Overloaded { get; } =
        new("overloaded", 503, "The node has too much waiting", retryable: true);

    /// <summary>503: a transaction over several partitions holds a key that the request needs.</summary>
    public static ProblemType Locked { get; } = new("locked", 503, "A transaction holds a key", retryable: true);

    /// <summary>503: the node is stopping.</summary>
    public static ProblemType Draining { get; } = new("draining", 503, "The node is stopping", retryable: true);

    /// <summary>504: the deadline passed; a write may be applied now, later or never.</summary>
    public static ProblemType DeadlineExceeded { get; } =
        new("deadline-exceeded", 504, "The deadline passed", retryable: true);

    /// <summary>507: the node's disk is nearly full and it takes no writes.</summary>
    public static ProblemType DiskLow { get; } = new("disk-low", 507, "The disk is nearly full");

    /// <summary>Every type, by status.</summary>
    public static ImmutableArray<ProblemType> All { get; } =
    [
        KeyInvalid, BucketInvalid, TargetInvalid, QueryInvalid, HeaderInvalid, BodyInvalid, BodyNotAllowed,
        DigestMismatch, ConditionInvalid, IdempotencyKeyInvalid, SessionInvalid, CursorInvalid, Forbidden, NotFound,
        BucketNotFound, OperationNotFound, RouteNotFound, MethodNotAllowed, NotAcceptable, Conflict, IdempotencyExpired,
        IdempotencyAhead, CursorCompacted, PreconditionFailed, ValueTooLarge, TransactionTooLarge, AnswerTooLarge,
        KeyTooLong, UnsupportedMediaType, UnsupportedEncoding, RangeNotSatisfiable, NotPrimary, OperationElsewhere,
        WrongCluster, IdempotencyMismatch, ValueNotANumber, NumberOverflow, ValueNotJson, NotAttempted,
        PreconditionRequired, TooManySnapshots, TooManyOperations, TooManyWatches, Internal, NoQuorum, NotReady,
        Overloaded, Locked, Draining, DeadlineExceeded, DiskLow,
    ];

    /// <inheritdoc/>
    public override string ToString() => Code;
}
