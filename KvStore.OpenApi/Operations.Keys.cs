using System.Collections.Immutable;
using KvStore.Contracts;

namespace KvStore.OpenApi;

/// <summary>One key, under both of its paths.</summary>
internal static partial class Operations
{
    private const string EntryExample = """{"key":"greeting","value":"hello","version":42}""";

    private const string MetaExample =
        """{"key":"greeting","bucket":"default","version":42,"etag":"\"00000000c0ffee00-9f3c-42\"","size":7,"""
        + """ "contentType":"application/json","created":"2026-01-31T11:00:00.000Z","""
        + """ "modified":"2026-01-31T11:00:00.000Z","owner":"node2"}""";

    private static ImmutableArray<ProblemType> OfKey =>
    [
        .. OfAny, ProblemType.KeyInvalid, ProblemType.KeyTooLong, ProblemType.TargetInvalid,
        ProblemType.ConditionInvalid, ProblemType.SessionInvalid, ProblemType.Conflict, ProblemType.NotPrimary,
        ProblemType.PreconditionFailed, ProblemType.Locked, ProblemType.DeadlineExceeded,
    ];

    private static ImmutableArray<ProblemType> OfStore =>
    [
        .. OfBody, ProblemType.DigestMismatch, ProblemType.ValueTooLarge, ProblemType.PreconditionRequired,
        ProblemType.DiskLow,
    ];

    private static IEnumerable<Operation> OfKeys(KeyRoot root)
    {
        var read = Read(root);
        yield return read;
        yield return read.AsHead(ProblemType.TooManyWatches, ProblemType.RangeNotSatisfiable);
        yield return Put(root);
        yield return Post(root);
        yield return Patch(root);
        yield return Delete(root);
        yield return Options(root);
    }

    private static Operation Key(
        KeyRoot root, string method, string id, ImmutableArray<Parameter> parameters, params ProblemType[] problems)
    {
        var isDefault = IsDefault(root);
        return new Operation
        {
            Method = method,
            Path = isDefault ? Routes.Key : Routes.BucketKey,
            Id = isDefault ? id : id.Replace("Key", "BucketKey", StringComparison.Ordinal),
            Tag = isDefault ? DefaultKeys : BucketKeys,
            Summary = "",
            Description = "",
            Parameters = InBucket(root, [Parameters.Key, .. parameters]),
            Answers = [],
            Problems =
            [
                .. OfKey,
                .. OfNamedBucket(root),
                .. problems,
            ],
        };
    }

    private static Operation Read(KeyRoot root)
    {
        ImmutableArray<Header> headers =
        [
            .. Headers.OfNode, .. Headers.OfRead, Headers.Etag, Headers.Version, Headers.LastModified,
            Headers.ExpiresAt, Headers.Expires, Headers.Metadata, Headers.Vary, Headers.PreferenceApplied,
        ];
        ImmutableArray<Header> raw =
        [
            .. headers, Headers.AcceptRanges, Headers.ContentDigest, Headers.ContentSecurityPolicy,
            Headers.ContentTypeOptions,
        ];
        return Key(
            root, "GET", "getKey", Parameters.OfKeyRead, ProblemType.NotFound, ProblemType.BodyNotAllowed,
            ProblemType.NotAcceptable, ProblemType.RangeNotSatisfiable, ProblemType.TooManyWatches) with
        {
            Summary = "Read a key",
            Description = IsDefault(root)
                ? "Gives the entry as JSON: JSON and text inline, anything else as `base64` with its `contentType`."
                : "Gives the bytes as they are stored, or a range of them.",
            Answers =
            [
                new(200, "The entry, in the face of the path or of `format`.")
                {
                    Headers = raw,
                    Contents = IsDefault(root)
                        ? [JsonFaces, EntryFace, Bytes]
                        : [Bytes, EntryFace, AnyJson],
                },
                new(206, "The range of the bytes that was asked for.")
                {
                    Headers = [.. raw, Headers.ContentRange],
                    Contents = [Bytes],
                },
                new(304, "What is stored is still what `If-None-Match` names.") { Headers = headers },
            ],
        };
    }

    private static Content JsonFaces => new(
        "application/json", [typeof(EntryResponse), typeof(EntryMetaResponse)], EntryExample);

    /// <summary>A value that was stored as JSON, or what `format` asks for.</summary>
    private static Content AnyJson => JsonFaces with { Types = [] };

    private static Content EntryFace => new(KvMediaTypes.Entry, [typeof(EntryResponse)], EntryExample);

    private static Content Bytes => new("*/*", []);

    private static ImmutableArray<Header> OfWrite =>
    [
        .. Headers.OfNode.Remove(Headers.CacheControl), Headers.Role, Headers.Copies, Headers.Version,
        Headers.Session, Headers.IdempotencyReplayed, Headers.PreferenceApplied, Headers.ServerTiming,
    ];

    private static ImmutableArray<Header> OfStored =>
        [.. OfWrite, Headers.Etag, Headers.ExpiresAt, Headers.Expires];

    private static ImmutableArray<Header> OfShown => [.. OfStored, Headers.Metadata];

    private static Answer Shown(KeyRoot root, int status, string description) => new(status, description)
    {
        Headers = [.. OfShown, .. status is 201 ? [Headers.Location] : ImmutableArray<Header>.Empty],
        Contents = IsDefault(root) ? [JsonFaces, EntryFace, Bytes] : [Bytes, EntryFace, AnyJson],
    };

    private static Operation Put(KeyRoot root) => Key(
        root, "PUT", "putKey", Parameters.OfStore, [.. OfAnyWrite, .. OfStore.Remove(ProblemType.UnsupportedMediaType)])
        with
    {
        Summary = "Store a value",
        Description = "Stores the body's bytes as they are, with their `Content-Type` "
            + "(`application/octet-stream` if there is none). Acknowledged means flushed to disk by a majority of the "
            + "copies.",
        Body = new("The value: as many bytes as the node takes (1 MiB unless set, at most 16 MiB), or the bucket.",
            IsRequired: false, [Bytes]),
        Answers =
        [
            Shown(root, 200, "With `Prefer: return=representation`: the stored entry."),
            Shown(root, 201, "The key was not there before. No body, unless `Prefer: return=representation`."),
            new(204, "The value was replaced.") { Headers = OfStored },
        ],
    };

    private static Operation Post(KeyRoot root) => Key(
        root, "POST", "postKey", [.. Parameters.OfStore, Parameters.Touch],
        [.. OfAnyWrite, .. OfStore, ProblemType.BodyNotAllowed, ProblemType.NotFound]) with
    {
        Summary = IsDefault(root) ? "Store a JSON value" : "Store a value",
        Description = IsDefault(root)
            ? "Stores what an envelope holds and gives the entry. With `touch`, only `ttl` is changed and there is no "
                + "body."
            : $"As `PUT`; an envelope only with `Content-Type: {KvMediaTypes.Entry}` or `format=json`. With `touch`, "
                + "only `ttl` is changed and there is no body.",
        Body = PostBody(root),
        Answers =
        [
            Shown(root, 200, "The stored entry, where it is shown."),
            Shown(root, 201, "The key was not there before, and the answer is no envelope."),
            new(204, "The value was replaced, or the key touched, and nothing is shown.") { Headers = OfStored },
        ],
    };

    private static Body PostBody(KeyRoot root)
    {
        const string example = """{"value":"hello","ttl":"1h"}""";
        ImmutableArray<Content> envelope = [new(KvMediaTypes.Entry, [typeof(EntryRequest)], example)];
        return IsDefault(root)
            ? new("The value in an envelope; with `format=raw` its bytes. None with `touch`.", IsRequired: false,
                [Content.Json<EntryRequest>(example), .. envelope, Bytes])
            : new("The value's bytes, or an envelope around it. None with `touch`.", IsRequired: false,
                [Bytes, .. envelope]);
    }

    private static Operation Patch(KeyRoot root) => Key(
        root, "PATCH", "patchKey", Parameters.OfStore.Remove(Parameters.Metadata),
        [
            .. OfAnyWrite, .. OfStore, ProblemType.NotFound, ProblemType.ValueNotANumber, ProblemType.NumberOverflow,
            ProblemType.ValueNotJson,
        ]) with
    {
        Summary = "Change a value in its place",
        Description = "A JSON merge patch (RFC 7396), or an amount to add to a decimal integer of 64 bits. It is "
            + "carried out where the value is stored, so no other write comes in between.",
        Body = new("The change.", IsRequired: true,
        [
            new(KvMediaTypes.MergePatch, [], """{"title":"new","draft":null}"""),
            new(KvMediaTypes.Increment, [typeof(IncrementRequest)], """{"by":1,"initial":0}"""),
        ]),
        Answers =
        [
            new(200, "The entry as it is now; of an increment, with `format=meta` excepted, the sum as its value.")
            {
                Headers = OfShown,
                Contents = [JsonFaces, EntryFace],
            },
            new(204, "With `Prefer: return=minimal`.") { Headers = OfStored },
        ],
    };

    private static Operation Delete(KeyRoot root) => Key(
        root, "DELETE", "deleteKey", Parameters.OfKeyWrite,
        [.. OfAnyWrite, ProblemType.NotFound, ProblemType.BodyNotAllowed, ProblemType.PreconditionRequired]) with
    {
        Summary = "Delete a key",
        Description = "Removes the key. A retry with the same `Idempotency-Key` gets the first answer.",
        Answers =
        [
            new(200, "Where the answer is JSON: the key was there and is gone.")
            {
                Headers = OfWrite,
                Contents = [Content.Json<DeleteResponse>("""{"key":"greeting","deleted":true}""")],
            },
            new(204, "The same, where the answer is raw or minimal.") { Headers = OfWrite },
        ],
    };

    private static Operation Options(KeyRoot root) => Key(root, "OPTIONS", "optionsOfKey", []) with
    {
        Summary = "Ask for the methods",
        Description = "Says what a key takes, whether it is there or not.",
        Answers = [new(204, "The methods.") { Headers = [Headers.Allow, Headers.AcceptPatch] }],
        Problems = IsDefault(root)
            ? [ProblemType.KeyInvalid, ProblemType.KeyTooLong, ProblemType.TargetInvalid]
            : [ProblemType.KeyInvalid, ProblemType.KeyTooLong, ProblemType.TargetInvalid, ProblemType.BucketInvalid],
    };
}
