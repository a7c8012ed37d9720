using System.Collections.Immutable;
using System.Globalization;
using KvStore.Contracts;

namespace KvStore.OpenApi;

/// <summary>What requests for one key say, and what all have in common.</summary>
internal static partial class Parameters
{
    private const string Path = "path";
    private const string Query = "query";
    private const string InHeader = "header";

    /// <summary>The words of <see cref="Contracts.Consistency"/>.</summary>
    public static string[] Levels => [.. Enum.GetValues<Consistency>().Select(ConsistencyWords.Of)];

    private static string LongestDeadline =>
        KvTimeout.Max.TotalSeconds.ToString(CultureInfo.InvariantCulture) + " s";

    public static Parameter Bucket { get; } = new(
        "bucket", Path, "bucket", Grammar.Text("^[a-z0-9][a-z0-9._-]*$", BucketName.MaxLength, 1), BucketName.Default,
        BucketName.Rule + " `default` is always there.");

    public static Parameter Key { get; } = new(
        "key", Path, "key", Grammar.Text(maxLength: KeyPath.MaxKeyBytes, minLength: 1), "greeting",
        $"The rest of the path: 1 to {KeyPath.MaxKeyBytes} bytes of UTF-8 without control characters, decoded once; a "
            + "slash may stand as itself or as `%2F`. `.`, `..` and empty parts between slashes are refused, since "
            + "clients and proxies take them away: name such a key by `?key=` on the path of all keys.");

    public static Parameter ConsistencyHeader { get; } = new(
        "Kv-Consistency", InHeader, KvHeaders.Consistency, Grammar.Words(Levels), "strong",
        "What the read promises. `strong` (unless the node or the bucket is set otherwise): linearizable. `session`: "
            + "all that `Kv-Session` stands for. `bounded`: no staler than `max_staleness`. `eventual`: what some "
            + "copy holds. Writes ignore it.");

    public static Parameter ConsistencyQuery { get; } = new(
        "consistency", Query, "consistency", Grammar.Words(Levels), "strong",
        "The same as `Kv-Consistency`, for clients that cannot send headers; the two must not differ.");

    public static Parameter MaxStaleness { get; } = new(
        "max_staleness", Query, "max_staleness", Grammar.Span, "5s",
        "How stale a `bounded` read may be, which this alone makes it: seconds (`5`, `5s`) or milliseconds (`500ms`), "
            + $"at most a day; {Contracts.MaxStaleness.Default.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s "
            + "unless given. A copy that is staler has the primary answer.");

    public static Parameter CacheControl { get; } = new(
        "Cache-Control", InHeader, "Cache-Control", Grammar.Text(), "max-age=5",
        "With a `bounded` read, `max-age` says the same as `max_staleness` in seconds, and the stricter counts; "
            + "otherwise ignored.");

    public static Parameter Session { get; } = new(
        "Kv-Session", InHeader, KvHeaders.Session, Grammar.Text(), SessionToken.Empty(0xC0FFEE00).Format(),
        "What this session has seen: the latest `Kv-Session` of an answer, exactly as it came. One of another cluster "
            + "is refused (409 `conflict`).");

    public static Parameter Ack { get; } = new(
        "Kv-Ack", InHeader, KvHeaders.Ack, Grammar.Words("one", "quorum", "all"), "quorum",
        "How many copies must have flushed a write before it is answered: the primary's, a majority (unless the node "
            + "is set otherwise), or all. Reads ignore it.");

    public static Parameter AckQuery { get; } = new(
        "ack", Query, "ack", Grammar.Words("one", "quorum", "all"), "quorum", "The same as `Kv-Ack`.");

    public static Parameter Timeout { get; } = new(
        "Kv-Timeout", InHeader, KvHeaders.Timeout, Grammar.Span, "2s",
        "The deadline: seconds (`2`, `2s`) or milliseconds (`500ms`), above 0 and at most "
            + $"{LongestDeadline}; 10 s unless given. It is passed on from hop to hop.");

    public static Parameter TimeoutQuery { get; } = new(
        "timeout", Query, "timeout", Grammar.Span, "2s",
        "The same as `Kv-Timeout`; where both are there, the earlier one counts.");

    public static Parameter Forward { get; } = new(
        "Kv-Forward", InHeader, KvHeaders.Forward, Grammar.Words("never"), "never",
        "A node that is not the key's primary answers 421 `not-primary` and does not forward.");

    public static Parameter HopRequestId { get; } = new(
        "Kv-Hop-Request-Id", InHeader, KvHeaders.HopRequestId, Grammar.Text("^[!-~]+$", 64, 1), "hop-1",
        "What the balancer or a forwarding node names a write by. Clients send `Idempotency-Key`, beside which this "
            + "is ignored.");

    public static Parameter IdempotencyKey { get; } = new(
        "Idempotency-Key", InHeader, KvHeaders.IdempotencyKey, Grammar.Text("^[!-~]+$", 64, 1),
        "0195f8e2-7c3a-7bd1-a2f4-1d5c3e9b7a60",
        "Names a write, so that it can be sent again and is applied once: 1 to 64 visible ASCII characters, best a new "
            + "UUID of version 7, made when it is first sent. Remembered for ten minutes of writes; one that carries "
            + "its time is refused after that (409 `idempotency-expired`) and never applied twice.");

    public static Parameter UnrememberedKey { get; } = new(
        "Idempotency-Key-Unremembered", InHeader, KvHeaders.IdempotencyKey, Grammar.Text("^[!-~]+$", 64, 1),
        "0195f8e2-7c3a-7bd1-a2f4-1d5c3e9b7a60",
        "Must be valid and is not remembered: what is sent again is carried out again.");

    public static Parameter IfMatch { get; } = new(
        "If-Match", InHeader, "If-Match", Grammar.Text(), "*",
        $"Only if the stored version is one of at most {EtagCondition.MaxTags} quoted entity tags, separated by "
            + "commas; `*`: any. Weak tags are refused. Else 412.");

    public static Parameter IfNoneMatchRead { get; } = new(
        "If-None-Match-Read", InHeader, "If-None-Match", Grammar.Text(), Grammar.EtagExample,
        $"Only if the stored version is none of at most {EtagCondition.MaxTags} quoted entity tags, else 304; "
            + "`*`: none at all.");

    public static Parameter IfNoneMatchWrite { get; } = new(
        "If-None-Match-Write", InHeader, "If-None-Match", Grammar.Words("*"), "*",
        "Only if there is none yet, else 412. Not beside `If-Match`.");

    public static Parameter Ttl { get; } = new(
        "Kv-Ttl", InHeader, KvHeaders.Ttl, Grammar.Text("^([0-9]+(ms|s|m|h|d)?|none|keep)$"), "1h",
        "How long the key is kept: a whole number with `ms`, `s`, `m`, `h`, `d` or no unit (seconds), 1 ms to ten "
            + "years; `none`: for ever; `keep`: as it was. Unless given, `PUT` and `POST` store as the bucket is set, "
            + "and `PATCH` keeps it.");

    public static Parameter TtlQuery { get; } = new(
        "ttl", Query, "ttl", Grammar.Text("^([0-9]+(ms|s|m|h|d)?|none|keep)$"), "1h",
        "The same as `Kv-Ttl`; the two must not differ.");

    public static Parameter Touch { get; } = new(
        "touch", Query, "touch", Grammar.Words(""), "",
        "Changes how long the key is kept, as `ttl` says, and nothing else: the request has no body.")
    {
        IsBare = true,
    };

    public static Parameter Format { get; } = new(
        "format", Query, "format", Grammar.Words("raw", "json", "meta"), "json",
        "What the answer shows: the stored bytes, the entry as JSON, or what is known of it without its value. With "
            + "`POST`, also what the body is: `json` an envelope, `raw` the value's bytes. It goes before `Accept`.");

    public static Parameter Metadata { get; } = new(
        "Kv-Meta", InHeader, KvHeaders.MetadataPrefix + "{name}", Grammar.Text("^[ -~]*$"), "alice",
        "What the writer tells of the value; given back with it. `{name}`: 1 to 255 token characters, kept in lower "
            + "case. Together at most 32 headers and 2048 characters of names and values, visible ASCII and spaces.");

    public static Parameter Prefer { get; } = new(
        "Prefer-Return", InHeader, KvHeaders.Prefer, Grammar.Text(), "return=minimal",
        "`return=minimal`: no body. `return=representation`: what was stored. Others are ignored (RFC 7240).");

    public static Parameter PreferWait { get; } = new(
        "Prefer-Wait", InHeader, KvHeaders.Prefer, Grammar.Text(), "wait=30",
        "`wait=` seconds, at most 60: with `If-None-Match` of entity tags, how long to wait for another version before "
            + "304, on top of the deadline. Others are ignored (RFC 7240).")
    {
        IsOfGetAlone = true,
    };

    public static Parameter ContentDigest { get; } = new(
        "Content-Digest", InHeader, KvHeaders.ContentDigest, Grammar.Text(),
        "sha-256=:rMvijw7NOBFTxTTGsRWLgGEEx43Nn0xcdz1gAhQxDbc=:",
        "The digest of the body as it is sent (RFC 9530; `sha-256`, `sha-512`). It is verified before anything is "
            + "applied (400 `digest-mismatch`); other algorithms are passed over.");

    public static Parameter WantContentDigest { get; } = new(
        "Want-Content-Digest", InHeader, KvHeaders.WantContentDigest, Grammar.Text(), "sha-256=10",
        "Asks for `Content-Digest` with `sha-256`, where the answer is raw.");

    public static Parameter Accept { get; } = new(
        "Accept-Entry", InHeader, "Accept", Grammar.Text(), KvMediaTypes.Entry,
        $"`{KvMediaTypes.Entry}` asks for the entry as JSON. A read that takes nothing that can be given is refused "
            + "(406); a write has its effect anyway.");

    public static Parameter Range { get; } = new(
        "Range", InHeader, "Range", Grammar.Text(), "bytes=0-99", "One range of bytes of a raw value: 206, or 416.")
    {
        IsOfGetAlone = true,
    };

    public static Parameter IfRange { get; } = new(
        "If-Range", InHeader, "If-Range", Grammar.Text(), Grammar.EtagExample,
        "The range only if the stored version is this one, else the whole value.")
    {
        IsOfGetAlone = true,
    };

    /// <summary>What every request for one key may say.</summary>
    public static ImmutableArray<Parameter> OfKey =>
    [
        ConsistencyHeader, ConsistencyQuery, MaxStaleness, Session, Ack, AckQuery, Timeout, TimeoutQuery, Forward,
        Format, Accept, IfMatch,
    ];

    public static ImmutableArray<Parameter> OfKeyRead =>
    [
        .. OfKey, CacheControl, IfNoneMatchRead, PreferWait, WantContentDigest, Range, IfRange,
    ];

    public static ImmutableArray<Parameter> OfKeyWrite =>
        [.. OfKey, IfNoneMatchWrite, IdempotencyKey, HopRequestId, Prefer];

    public static ImmutableArray<Parameter> OfStore =>
        [.. OfKeyWrite, Ttl, TtlQuery, Metadata, ContentDigest];
}
