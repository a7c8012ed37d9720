namespace KvStore.Contracts;

/// <summary>Every path of the HTTP API.</summary>
public static class Routes
{
    /// <summary>Before a key of the default bucket: every string after it is a key.</summary>
    public const string Keys = "/v1/";

    /// <summary>
    /// All keys of the default bucket; with <c>?key=</c> or <c>?key64=</c> one of them, in any form that is a key.
    /// </summary>
    public const string DefaultKeys = "/v1";

    /// <summary>A key of the default bucket, with slashes in it or not.</summary>
    public const string Key = Keys + "{key}";

    /// <summary>A key of any bucket.</summary>
    public const string BucketKey = BucketKeys + "/{key}";

    /// <summary>The methods that a key takes, as Allow lists them; written in capitals and not otherwise.</summary>
    public const string KeyMethods = "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS";

    /// <summary>The methods that all keys of a bucket take, likewise.</summary>
    public const string KeysMethods = "GET, HEAD, DELETE, OPTIONS";

    /// <summary>The buckets, by name.</summary>
    public const string Buckets = "/buckets";

    /// <summary>One bucket and its settings.</summary>
    public const string Bucket = "/buckets/{bucket}";

    /// <summary>
    /// All keys of a bucket; with <c>?key=</c> or <c>?key64=</c>, or with a slash and a key behind it, one of them.
    /// </summary>
    public const string BucketKeys = "/buckets/{bucket}/keys";

    /// <summary>Many operations, each judged alone.</summary>
    public const string Batch = "/buckets/{bucket}/batch";

    /// <summary>Many operations, all of them or none.</summary>
    public const string Transaction = "/buckets/{bucket}/txn";

    /// <summary>The changes of a bucket as they happen; the answer does not end by itself.</summary>
    public const string Watch = "/buckets/{bucket}/watch";

    /// <summary>Every entry of a bucket, one JSON document to a line.</summary>
    public const string Export = "/buckets/{bucket}/export";

    /// <summary>Takes what <see cref="Export"/> gave; the body has no limit.</summary>
    public const string Import = "/buckets/{bucket}/import";

    /// <summary>A node's status, as JSON.</summary>
    public const string Status = "/";

    /// <summary>The cluster as a node knows it: members, partitions, primaries.</summary>
    public const string Cluster = "/admin/cluster";

    /// <summary>Where a node asks to be taken in.</summary>
    public const string Nodes = "/admin/nodes";

    /// <summary>Captures now what else is captured once per interval, and lets go of the log behind it.</summary>
    public const string Snapshots = "/admin/snapshots";

    /// <summary>Something that takes longer than a request: how far it has come.</summary>
    public const string Operation = "/admin/operations/{id}";

    /// <summary>What the disk is to do wrong; there only when the node was started to allow it.</summary>
    public const string Faults = "/admin/faults";

    /// <summary>200 while the process is up.</summary>
    public const string Alive = "/alive";

    /// <summary>200 when it may serve or take over.</summary>
    public const string Ready = "/ready";

    /// <summary>200 while it is serving.</summary>
    public const string Health = "/health";

    /// <summary>This API as OpenAPI 3.1; the same on every node and on the balancer.</summary>
    public const string OpenApi = "/openapi/v1.json";

    /// <summary>The same for people to read and to try.</summary>
    public const string Scalar = "/scalar";

    /// <summary>What a problem means and what to do: where <see cref="ProblemType.Reference"/> leads.</summary>
    public const string Problem = "/problems/{code}";
}

/// <summary>Every header that the API defines, and those of HTTP that it gives a meaning to.</summary>
public static class KvHeaders
{
    /// <summary>Out: commit sequence of the key's partition at the write; grows, never reused.</summary>
    public const string Version = "Kv-Version";

    /// <summary>
    /// In: what a read promises, one of <see cref="ConsistencyWords"/>. Out: what it really was; <c>strong</c> where
    /// the primary had to answer.
    /// </summary>
    public const string Consistency = "Kv-Consistency";

    /// <summary>
    /// Out, unless the read was <c>strong</c>: milliseconds since this copy last had all that its primary had
    /// committed.
    /// </summary>
    public const string StalenessMs = "Kv-Staleness-Ms";

    /// <summary>
    /// In: a <see cref="SessionToken"/> as the last answer gave it; the answer sees all that it stands for. Out: the
    /// same with what this answer saw, on every write and on reads that sent one or asked for <c>session</c>.
    /// </summary>
    public const string Session = "Kv-Session";

    /// <summary>In: <c>one</c>, <c>quorum</c> or <c>all</c>.</summary>
    public const string Ack = "Kv-Ack";

    /// <summary>Out: copies on stable storage when the answer was made, of all, such as <c>2/3</c>.</summary>
    public const string Copies = "Kv-Copies";

    /// <summary>Out: the name of the node whose copy answered.</summary>
    public const string ServedBy = "Kv-Served-By";

    /// <summary>Out: <c>primary</c> or <c>backup</c>.</summary>
    public const string Role = "Kv-Role";

    /// <summary>In: <c>never</c> asks a node that is not the primary to answer 421 and not to forward.</summary>
    public const string Forward = "Kv-Forward";

    /// <summary>Out, with 421: the name of the node believed to be the primary; absent when none is known.</summary>
    public const string Owner = "Kv-Owner";

    /// <summary>In: the deadline of the request: <c>2s</c>, <c>500ms</c>, or seconds; passed on hop by hop.</summary>
    public const string Timeout = "Kv-Timeout";

    /// <summary>In: names a write so that retries are applied at most once; 1 to 64 visible ASCII characters.</summary>
    public const string IdempotencyKey = "Idempotency-Key";

    /// <summary>
    /// In: the same for one made by the balancer or a forwarding node; remembered for a shorter time. Ignored when
    /// <see cref="IdempotencyKey"/> is there.
    /// </summary>
    public const string HopRequestId = "Kv-Hop-Request-Id";

    /// <summary>Out: <c>true</c> when the answer is that of an earlier request with the same id.</summary>
    public const string IdempotencyReplayed = "Idempotency-Replayed";

    /// <summary>Out, on writes that were done: where the time went, by <see cref="Contracts.ServerTiming"/>.</summary>
    public const string ServerTiming = "Server-Timing";

    /// <summary>Out: the id of the request's trace; made up where it has none.</summary>
    public const string RequestId = "Kv-Request-Id";

    /// <summary>In: how long a key is kept: <c>60s</c>, <c>500ms</c>, <c>2h</c>, <c>none</c> or <c>keep</c>.</summary>
    public const string Ttl = "Kv-Ttl";

    /// <summary>Out: when a key ends, RFC 3339 with milliseconds; absent when it does not.</summary>
    public const string ExpiresAt = "Kv-Expires-At";

    /// <summary>In and out: before the name of a piece of the user's metadata.</summary>
    public const string MetadataPrefix = "Kv-Meta-";

    /// <summary>In: preferences of RFC 7240, such as <c>wait=30</c>: seconds to wait for a change.</summary>
    public const string Prefer = "Prefer";

    /// <summary>Out: which of <see cref="Prefer"/> were honoured.</summary>
    public const string PreferenceApplied = "Preference-Applied";

    /// <summary>Out: the types of body that PATCH takes.</summary>
    public const string AcceptPatch = "Accept-Patch";

    /// <summary>In and out: the digest of a value (RFC 9530); in, it is verified before anything is applied.</summary>
    public const string ContentDigest = "Content-Digest";

    /// <summary>In: asks for <see cref="ContentDigest"/> of a raw value, such as <c>sha-256=10</c>.</summary>
    public const string WantContentDigest = "Want-Content-Digest";
}
