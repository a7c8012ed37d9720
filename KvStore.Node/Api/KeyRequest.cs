using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Buckets;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>What is done with a key.</summary>
internal enum Verb
{
    /// <summary>Read.</summary>
    Get,

    /// <summary>The headers of <see cref="Get"/> alone.</summary>
    Head,

    /// <summary>Store the body's bytes.</summary>
    Put,

    /// <summary>Store the value in the body, or its JSON envelope; or touch.</summary>
    Post,

    /// <summary>Change the value by what the body says.</summary>
    Patch,

    /// <summary>Remove.</summary>
    Delete,

    /// <summary>Ask what can be done.</summary>
    Options,
}

/// <summary>A request for one key, read and proved: nothing of it is looked at twice.</summary>
internal sealed class KeyRequest
{
    /// <summary>What to do.</summary>
    public required Verb Verb { get; init; }

    /// <summary>The target as it came: it is forwarded unchanged.</summary>
    public required string RawTarget { get; init; }

    /// <summary>The name of the bucket that the key is in.</summary>
    public required string Bucket { get; init; }

    /// <summary>The path that the key was named under.</summary>
    public required KeyRoot Root { get; init; }

    /// <summary>The key: 1 to 1024 bytes of UTF-8.</summary>
    public required ReadOnlyMemory<byte> Key { get; init; }

    /// <summary>What a read promises.</summary>
    public Consistency Consistency { get; set; }

    /// <summary>How stale a bounded read may be.</summary>
    public TimeSpan MaxStaleness { get; set; }

    /// <summary>
    /// What its session saw; null when it said nothing of one, and then the answer to a read does neither.
    /// </summary>
    public SessionToken? Session { get; set; }

    /// <summary>The headers as they came: some of them are forwarded unchanged.</summary>
    public IHeaderDictionary? Headers { get; init; }

    /// <summary>Whether the server chose the key: then it must not be there yet.</summary>
    public bool IsKeyChosen { get; set; }

    /// <summary>The form of what is answered.</summary>
    public Face Face { get; set; }

    /// <summary>What the client takes, where the stored type decides over <see cref="Face"/>; else null.</summary>
    public Acceptance? Accepted { get; set; }

    /// <summary>What <see cref="Face.Json"/> is called.</summary>
    public string JsonType { get; set; } = MediaTypes.Json;

    /// <summary>What the body is.</summary>
    public BodyForm Form { get; set; }

    /// <summary>A POST that changes how long the key is kept, and nothing else.</summary>
    public bool IsTouch { get; set; }

    /// <summary>How long the key is to be kept; null when nothing is said of it.</summary>
    public Ttl? Ttl { get; set; }

    /// <summary>The user's metadata, as <see cref="MetadataFormat"/> has it.</summary>
    public ReadOnlyMemory<byte> Metadata { get; set; }

    /// <summary>What the answer to a write is to carry.</summary>
    public ReturnPreference Returns { get; set; }

    /// <summary>What is added to a number.</summary>
    public long By { get; set; }

    /// <summary>What a number that is not there counts as.</summary>
    public long Initial { get; set; }

    /// <summary>The most bytes that a patched value may have.</summary>
    public int MaxValueBytes { get; set; }

    /// <summary>Copies a write waits for.</summary>
    public Ack Ack { get; set; }

    /// <summary>How long it may take, from when its body had arrived.</summary>
    public TimeSpan Timeout { get; set; }

    /// <summary>How long a read that finds what its reader has may wait for something else.</summary>
    public TimeSpan Wait { get; set; }

    /// <summary>Answered here or refused: whoever sent it looks for the primary itself.</summary>
    public bool IsForwardedNever { get; set; }

    /// <summary>The client's name for the write; null when it gave none.</summary>
    public string? IdempotencyKey { get; set; }

    /// <summary>The name that the first hop gave a write; null for reads.</summary>
    public string? HopRequestId { get; set; }

    /// <summary>What <c>If-Match</c> asks for.</summary>
    public EtagCondition? IfMatch { get; set; }

    /// <summary>What <c>If-None-Match</c> asks for.</summary>
    public EtagCondition? IfNoneMatch { get; set; }

    /// <summary><see cref="IfMatch"/> as it came.</summary>
    public string? IfMatchText { get; set; }

    /// <summary><see cref="IfNoneMatch"/> as it came.</summary>
    public string? IfNoneMatchText { get; set; }

    /// <summary>Whether the target says the consistency, and so tells it to the next hop.</summary>
    public bool IsConsistencyInQuery { get; set; }

    /// <summary>Whether the target says how stale a read may be, and so tells it to the next hop.</summary>
    public bool IsMaxStalenessInQuery { get; set; }

    /// <summary>Whether the target says the ack, and so tells it to the next hop.</summary>
    public bool IsAckInQuery { get; set; }

    /// <summary>When <see cref="Timeout"/> began, as a timestamp of the clock that runs it.</summary>
    public long StartedAt { get; set; }

    /// <summary>The body as it came, to be sent again when the request is forwarded.</summary>
    public ReadOnlyMemory<byte> Body { get; set; }

    /// <summary>The body's type as it came; null when there was none.</summary>
    public string? BodyType { get; set; }

    /// <summary>The bytes to store: the body, or a part of it.</summary>
    public ReadOnlyMemory<byte> Value { get; set; }

    /// <summary>The stored bytes' type.</summary>
    public string ContentType { get; set; } = "";

    /// <summary>
    /// Whether an attempt was made whose outcome is not known. From then on a refusal must not claim that nothing was
    /// applied.
    /// </summary>
    public bool MayBeApplied { get; set; }

    /// <summary>The id of the bucket, once it is found.</summary>
    public BucketId BucketId { get; private set; } = BucketId.Default;

    /// <summary>With which header a value is answered.</summary>
    public string CacheControl { get; private set; } = "no-cache";

    /// <summary>How long the key is kept if the request does not say, in milliseconds; null: for ever.</summary>
    public long? DefaultTtlMs { get; private set; }

    /// <summary>Whether the request itself says the consistency.</summary>
    public bool IsConsistencyGiven { get; set; }

    /// <summary>Whether it changes the key.</summary>
    public bool IsWrite => Verb is Verb.Put or Verb.Post or Verb.Patch or Verb.Delete;

    /// <summary>Whether it is a read that every copy may answer, whatever it holds.</summary>
    public bool TakesAnyCopy => Consistency is Consistency.Eventual && Session is null;

    /// <summary>Whether it carries a body.</summary>
    public bool HasBody => Form is not BodyForm.None;

    /// <summary>Whether it stores a whole value.</summary>
    public bool IsPut => Form is BodyForm.Value or BodyForm.Envelope;

    /// <summary>
    /// The copies that this attempt waits for: an answer that depends on what the log applies before it cannot be
    /// given at the primary's own flush, so more is waited for than was asked.
    /// </summary>
    public Ack EffectiveAck => Ack is Ack.One && !IsBlind ? Ack.Quorum : Ack;

    /// <summary>A write whose answer depends on nothing stored and on no earlier attempt.</summary>
    private bool IsBlind =>
        IsPut && PutTtl.Kind is TtlKind.None && Returns is not ReturnPreference.Representation && Face is not Face.Meta
        && IfMatch is null && IfNoneMatch is null && IdempotencyKey is null && !IsKeyChosen && !MayBeApplied;

    private Ttl PutTtl => Ttl ?? (DefaultTtlMs is { } milliseconds ? Core.State.Ttl.After(milliseconds) : default);

    /// <summary>What is left of <see cref="Wait"/>.</summary>
    public TimeSpan WaitLeft(TimeProvider time) =>
        Wait - time.GetElapsedTime(StartedAt) is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero;

    /// <summary>What is left of <see cref="Timeout"/>, which runs when the wait is over.</summary>
    public TimeSpan TimeoutLeft(TimeProvider time) => time.GetElapsedTime(StartedAt) is var passed && passed > Wait
        ? Timeout + Wait - passed
        : Timeout;

    /// <summary>Takes a bucket's id and what it sets where the request says nothing.</summary>
    public void Enter(Bucket bucket)
    {
        BucketId = bucket.Id;
        CacheControl = bucket.Settings.CacheControl ?? "no-cache";
        DefaultTtlMs = bucket.DefaultTtlMs;
        MaxValueBytes = Math.Min(MaxValueBytes, bucket.Settings.MaxValueBytes ?? MaxValueBytes);
        if (IsConsistencyGiven || !ConsistencyWords.TryParse(bucket.Settings.DefaultConsistency, out var consistency))
            return;
        Consistency = consistency;
        MaxStaleness = Contracts.MaxStaleness.Default;
    }

    /// <summary>The command that the partition is asked to apply.</summary>
    /// <param name="clusterId">A tag of another cluster matches no version here.</param>
    public Command ToCommand(ulong clusterId) => new Command.Change
    {
        RequestId = RequestIds.Of(IdempotencyKey, HopRequestId),
        Bucket = BucketId,
        Operation = OperationUnder(ConditionIn(clusterId)),
    };

    private Operation OperationUnder(Condition? condition) => this switch
    {
        { IsTouch: true } => new Operation.Touch { Key = Key, Condition = condition, Ttl = Ttl!.Value },
        { Verb: Verb.Delete } => new Operation.Delete { Key = Key, Condition = condition },
        { Form: BodyForm.Increment } => new Operation.Increment
        {
            Key = Key,
            Condition = condition,
            By = By,
            Initial = Initial,
            Ttl = Ttl ?? Core.State.Ttl.KeepOr(DefaultTtlMs),
        },
        { Form: BodyForm.MergePatch } => new Operation.Merge
        {
            Key = Key,
            Condition = condition,
            Patch = Body,
            MaxValueBytes = MaxValueBytes,
            Ttl = Ttl ?? Core.State.Ttl.Keep,
        },
        _ => new Operation.Put
        {
            Key = Key,
            Condition = condition,
            Value = Value,
            ContentType = ContentType,
            Metadata = Metadata,
            Ttl = PutTtl,
        },
    };

    private Condition? ConditionIn(ulong clusterId) => this switch
    {
        { IfMatch: { IsAny: true } } => new Condition.Exists(),
        { IfMatch: { } tags } => new Condition.VersionIn(Etags.VersionsIn(clusterId, tags)),
        { IfNoneMatch: not null } or { IsKeyChosen: true } => new Condition.Absent(),
        _ => null,
    };
}
