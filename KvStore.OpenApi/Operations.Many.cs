using System.Collections.Immutable;
using KvStore.Contracts;

namespace KvStore.OpenApi;

/// <summary>Many keys: lists, removals, keys that the server chooses, batches, transactions, watches.</summary>
internal static partial class Operations
{
    private const string ResultsExample =
        """[{"status":200,"key":"a","value":1,"etag":"\"00000000c0ffee00-9f3c-42\"","version":42}]""";

    private static ImmutableArray<ProblemType> OfRange =>
    [
        .. OfAny, ProblemType.KeyInvalid, ProblemType.KeyTooLong, ProblemType.TargetInvalid,
        ProblemType.BodyNotAllowed,
    ];

    private static ImmutableArray<ProblemType> OfNamedBucket(KeyRoot root) =>
        IsDefault(root) ? [] : [ProblemType.BucketInvalid, ProblemType.BucketNotFound];

    private static Operation Collection(KeyRoot root, string method, string id) => new()
    {
        Method = method,
        Path = IsDefault(root) ? Routes.DefaultKeys : Routes.BucketKeys,
        Id = IsDefault(root) ? id : id.Replace("Key", "BucketKey", StringComparison.Ordinal),
        Tag = ManyKeys,
        Summary = "",
        Description = "",
        Answers = [],
    };

    private static ImmutableArray<Parameter> InBucket(KeyRoot root, ImmutableArray<Parameter> parameters) =>
        IsDefault(root) ? parameters : [Parameters.Bucket, .. parameters];

    private static IEnumerable<Operation> OfCollection(KeyRoot root)
    {
        var list = List(root);
        yield return list;
        yield return list.AsHead() with { Id = IsDefault(root) ? "headKeys" : "headBucketKeys" };
        yield return Create(root);
        yield return Remove(root);
        yield return Collection(root, "OPTIONS", "optionsOfKeys") with
        {
            Summary = "Ask for the methods",
            Description = "Says what all keys of a bucket take.",
            Parameters = InBucket(root, []),
            Answers = [new(204, "The methods.") { Headers = [Headers.Allow] }],
            Problems = [ProblemType.TargetInvalid, .. OfNamedBucket(root).Remove(ProblemType.BucketNotFound)],
        };
    }

    private static Operation List(KeyRoot root) => Collection(root, "GET", "listKeys") with
    {
        Summary = "List keys",
        Description = "Keys in byte order, page by page of one snapshot: every key that was there throughout exactly "
            + "once, and all that was acknowledged before the first page was asked for. Keys with `NUL` or other "
            + "control characters do not exist. With `key` or `key64` it reads that one key.",
        Parameters = InBucket(root, Parameters.OfList),
        Answers =
        [
            new(200, "A page; or, as lines, the whole list, of which the last line is "
                + "`{\"end\":true,\"count\":…,\"snapshot\":…}`.")
            {
                Headers = [.. Headers.OfNode, Headers.Consistency, Headers.Vary, Headers.Link],
                Contents =
                [
                    Content.Json<KeyListResponse>(
                        """{"items":[{"key":"docs/a","etag":"\"00000000c0ffee00-9f3c-42\"","size":12}],"""
                        + """ "prefixes":[],"cursor":null,"snapshot":"AQAAAADA_-4","count":1}"""),
                    new(KvMediaTypes.Lines, [typeof(KeyListItem), typeof(KeyListEnd)]),
                ],
            },
        ],
        Problems =
        [
            .. OfRange, .. OfNamedBucket(root), ProblemType.CursorInvalid, ProblemType.CursorCompacted,
            ProblemType.NotAcceptable, ProblemType.TooManySnapshots, ProblemType.IdempotencyKeyInvalid,
        ],
    };

    private static Operation Create(KeyRoot root)
    {
        var post = Post(root);
        return Collection(root, "POST", "createKey") with
        {
            Summary = "Store under a new key",
            Description = "As `POST` of a key, under a UUID of version 7 that the server chooses: from the "
                + "`Idempotency-Key` if there is one, so that a retry meets the same key.",
            Parameters =
            [
                .. InBucket(root, []), Parameters.QueryKey, Parameters.QueryKey64,
                .. Parameters.OfStore.Remove(Parameters.IfMatch),
            ],
            Body = post.Body! with { IsRequired = true },
            Answers =
            [
                Shown(root, 200, "With `key` or `key64`: the stored entry."),
                Shown(root, 201, "`Location` has the new key; so does an answer with the entry."),
                new(204, "A retry that is not told the entry.") { Headers = OfStored },
            ],
            Problems = [.. post.Problems.Remove(ProblemType.BodyNotAllowed).Remove(ProblemType.NotFound)],
        };
    }

    private static Operation Remove(KeyRoot root) => Collection(root, "DELETE", "deleteKeys") with
    {
        Summary = "Remove a range of keys",
        Description = "Needs `prefix`, `start` or `end`, and either `dry_run=true`, which counts, or `confirm=` with "
            + "that count. Each key is removed in the version that it had when it was counted; what was written since "
            + "stays. More than 10000 keys are removed behind a 202. With `key` or `key64` it deletes that one key.",
        Parameters = InBucket(root, Parameters.OfRemoval),
        Answers =
        [
            new(200, "The count, or what was removed.")
            {
                Headers = [.. Headers.OfNode, Headers.Vary],
                Contents =
                [
                    new("application/json", [typeof(RangeDeleteResponse), typeof(RangeCountResponse)],
                        """{"deleted":12,"changed":0}"""),
                ],
            },
            new(202, "Many keys: `Location` tells how far it has come.")
            {
                Headers = [.. Headers.OfNode, Headers.Vary, Headers.Location],
                Contents = [Content.Json<OperationResponse>(OperationExample)],
            },
        ],
        Problems =
        [
            .. OfRange, .. OfNamedBucket(root), ProblemType.ConditionInvalid, ProblemType.IdempotencyKeyInvalid,
            ProblemType.PreconditionFailed, ProblemType.TooManySnapshots, ProblemType.TooManyOperations,
            ProblemType.DeadlineExceeded,
        ],
    };

    private static ImmutableArray<Header> OfManyAnswer =>
        [.. Headers.OfNode, Headers.Session, Headers.IdempotencyReplayed];

    private static IEnumerable<Operation> OfMany => [Batch, Transaction];

    private static Operation Batch => new()
    {
        Method = "POST",
        Path = Routes.Batch,
        Id = "postBatch",
        Tag = Batches,
        Summary = "Many operations, each judged alone",
        Description = "Up to 1000 operations. All that one partition gets is one commit; the whole is not atomic. "
            + "Answered 200 whatever became of the items: each has its own `status`, and its `problem`.",
        Parameters = [.. Parameters.OfMany, Parameters.StopOnError],
        Body = new($"At most {BodyLimits.MaxManyBytes} bytes.", IsRequired: true,
        [
            Content.Json<BatchRequest>(
                """{"ops":[{"op":"get","key":"a"},{"op":"put","key":"b","value":{"n":1},"ttl":"60s"},"""
                + """{"op":"delete","key":"c"}]}"""),
        ]),
        Answers =
        [
            new(200, "What became of each operation, in their order.")
            {
                Headers = OfManyAnswer,
                Contents = [Content.Json<BatchResponse>($$"""{"results":{{ResultsExample}}}""")],
            },
        ],
        Problems = [.. OfManyProblems.Remove(ProblemType.Locked), ProblemType.ValueTooLarge],
        ItemProblems =
        [
            .. OfItem, ProblemType.NotAttempted, ProblemType.AnswerTooLarge, ProblemType.Locked,
            ProblemType.DiskLow, ProblemType.NoQuorum, ProblemType.Overloaded, ProblemType.IdempotencyMismatch,
            ProblemType.IdempotencyExpired, ProblemType.IdempotencyAhead, ProblemType.DeadlineExceeded,
        ],
    };

    private static Operation Transaction => new()
    {
        Method = "POST",
        Path = Routes.Transaction,
        Id = "postTransaction",
        Tag = Batches,
        Summary = "Many operations, all of them or none",
        Description = "If all comparisons hold, `then` is done; else `else`, or without it the answer is 412 with "
            + "`failed`. One branch is done as a whole, or nothing is, over any keys of the bucket. At most 128 "
            + "comparisons and operations together.",
        Parameters = Parameters.OfMany,
        Body = new($"At most {BodyLimits.MaxManyBytes} bytes.", IsRequired: true,
        [
            Content.Json<TransactionRequest>(
                """{"if":[{"key":"stock/1","version":{"gt":3}},{"key":"order/7","exists":false}],"""
                + """ "then":[{"op":"put","key":"order/7","value":{"qty":1}},{"op":"increment","key":"sold"}],"""
                + """ "else":[{"op":"get","key":"stock/1"}]}"""),
        ]),
        Answers =
        [
            new(200, "Which branch was done, and what its operations came to.")
            {
                Headers = OfManyAnswer,
                Contents =
                [
                    Content.Json<TransactionResponse>(
                        $$"""{"succeeded":true,"version":"42","results":{{ResultsExample}}}"""),
                ],
            },
        ],
        Problems = [.. OfManyProblems, .. OfItem, ProblemType.TransactionTooLarge, ProblemType.DiskLow],
        ItemProblems = [ProblemType.AnswerTooLarge],
    };

    private static ImmutableArray<ProblemType> OfManyProblems =>
    [
        .. OfAnyWrite, .. OfBody, ProblemType.BucketInvalid, ProblemType.BucketNotFound, ProblemType.TargetInvalid,
        ProblemType.ConditionInvalid, ProblemType.SessionInvalid, ProblemType.Conflict, ProblemType.Locked,
    ];

    private static ImmutableArray<ProblemType> OfItem =>
    [
        ProblemType.NotFound, ProblemType.PreconditionFailed, ProblemType.PreconditionRequired,
        ProblemType.ValueTooLarge, ProblemType.ValueNotANumber, ProblemType.NumberOverflow, ProblemType.ValueNotJson,
    ];

    private static IEnumerable<Operation> OfWatch =>
    [
        new()
        {
            Method = "GET",
            Path = Routes.Watch,
            Id = "watchKeys",
            Tag = Watches,
            Summary = "Watch changes",
            Description = "A stream of server-sent events: `put`, `delete`, `expire` with a change each; `progress` "
                + "with a new cursor; `overflow` when the reader fell behind what is kept; `end` with a `reason` "
                + "(`renew`, `draining`, `bucket-gone`). The `id` of an event is the cursor from which any node goes "
                + "on; it stands with the last event of a command. Or, as JSON, one answer.",
            Parameters =
            [
                Parameters.Bucket, Parameters.Prefix, Parameters.Since, Parameters.LastEventId, Parameters.WatchValues,
                Parameters.Kinds, Parameters.Heartbeat, Parameters.Timeout, Parameters.TimeoutQuery,
                Parameters.WatchAccept, Parameters.WatchWait,
            ],
            Answers =
            [
                new(200, "Changes.")
                {
                    Headers = [.. Headers.OfNode, Headers.PreferenceApplied],
                    Contents =
                    [
                        new("text/event-stream", [typeof(string)],
                            "retry: 1000\n\nid: AQAAAADA_-4\nevent: delete\n"
                            + "data: {\"key\":\"docs/a\",\"version\":43}\n\n"),
                        Content.Json<ChangesResponse>(
                            """{"events":[{"event":"delete","key":"docs/a","version":43}],"cursor":"AQAAAADA_-4"}"""),
                    ],
                },
            ],
            Problems =
            [
                .. OfAny.Remove(ProblemType.Overloaded), ProblemType.BucketInvalid, ProblemType.BucketNotFound,
                ProblemType.TargetInvalid, ProblemType.CursorInvalid, ProblemType.CursorCompacted,
                ProblemType.NotAcceptable, ProblemType.TooManyWatches, ProblemType.Draining,
                ProblemType.DeadlineExceeded,
            ],
        },
    ];
}
