using KvStore.Contracts;

namespace KvStore.OpenApi;

/// <summary>A bucket as lines, out and in; and what takes longer than a request.</summary>
internal static partial class Operations
{
    private const string LineExample =
        """{"key":"docs/a","etag":"\"00000000c0ffee00-9f3c-42\"","size":7,"contentType":"application/json","""
        + """ "expires":null,"value":"hello"}""";

    private static IEnumerable<Operation> OfExports => [Export, Import];

    private static Operation Export => new()
    {
        Method = "GET",
        Path = Routes.Export,
        Id = "exportBucket",
        Tag = ExportsAndImports,
        Summary = "Export a bucket",
        Description = "Everything that is stored of each key, one line each, from one snapshot: each partition as it "
            + "was at one moment. Between its pages stands a line with a `cursor`, from which any node goes on when "
            + "the connection is cut; the last line is `{\"end\":true,\"count\":…,\"snapshot\":…}`, and an export "
            + "without it is not whole. An import takes these lines.",
        Parameters =
        [
            Parameters.Bucket, Parameters.Prefix, Parameters.Start, Parameters.End, Parameters.ExportCursor,
            Parameters.ListConsistencyHeader, Parameters.Timeout, Parameters.TimeoutQuery,
        ],
        Answers =
        [
            new(200, "The lines.")
            {
                Headers = [.. Headers.OfNode, Headers.Consistency, Headers.Vary],
                Contents =
                [
                    new(
                        KvMediaTypes.Lines,
                        [typeof(KeyListItem), typeof(ExportCursor), typeof(KeyListEnd)],
                        LineExample),
                ],
            },
        ],
        Problems =
        [
            .. OfRange, ProblemType.BucketInvalid, ProblemType.BucketNotFound, ProblemType.CursorInvalid,
            ProblemType.CursorCompacted, ProblemType.NotAcceptable, ProblemType.TooManySnapshots,
            ProblemType.IdempotencyKeyInvalid,
        ],
    };

    private static Operation Import => new()
    {
        Method = "POST",
        Path = Routes.Import,
        Id = "importBucket",
        Tag = ExportsAndImports,
        Summary = "Import into a bucket",
        Description = "Stores the lines of an export, or lines like them: `key` or `key64`; `value`, or `base64` and "
            + "`contentType`; `meta`; `expires`. The body may be of any length and is stored as it comes, so an import "
            + "is neither atomic nor remembered: to send it again stores the same again. Whatever ends it before its "
            + "end, `import` in the problem says to which line everything is done.",
        Parameters =
        [
            Parameters.Bucket, Parameters.Mode, Parameters.FirstLine, Parameters.Timeout, Parameters.TimeoutQuery,
            Parameters.UnrememberedKey, Parameters.HopRequestId,
        ],
        Body = new(
            "Lines of JSON, each of at most three times the bytes that a value may have, and 64 KiB.",
            IsRequired: true,
            [new(KvMediaTypes.Lines, [typeof(KeyListItem), typeof(ExportCursor), typeof(KeyListEnd)], LineExample)]),
        Answers =
        [
            new(200, "What became of the lines.")
            {
                Headers = Headers.OfNode,
                Contents =
                [
                    Content.Json<ImportResponse>(
                        """{"lines":3,"applied":2,"existing":0,"expired":0,"refused":0,"refusals":[],"end":true}"""),
                ],
            },
        ],
        Problems =
        [
            .. OfAny, .. OfBody, ProblemType.BucketInvalid, ProblemType.BucketNotFound, ProblemType.TargetInvalid,
            ProblemType.ConditionInvalid, ProblemType.IdempotencyKeyInvalid, ProblemType.PreconditionRequired,
            ProblemType.ValueTooLarge, ProblemType.DiskLow, ProblemType.Draining, ProblemType.Locked,
            ProblemType.DeadlineExceeded,
        ],
    };

    private static IEnumerable<Operation> OfLongOperations
    {
        get
        {
            var tell = LongOperation("GET", "getOperation", "How far an operation has come");
            return
            [
                tell, tell.AsHead(),
                LongOperation("DELETE", "deleteOperation", "End an operation before its time") with
                {
                    Description = "It ends with the keys that it is at; nothing of what is done is undone. The "
                        + "balancer passes this on, too.",
                },
            ];
        }
    }

    private static Operation LongOperation(string method, string id, string summary) => new()
    {
        Method = method,
        Path = Routes.Operation,
        Id = id,
        Tag = Administration,
        Summary = summary,
        Description = "`Location` of a 202 leads here. The node that carries it out knows it alone: it ends with that "
            + "node, and ended ones are forgotten when a hundred others have ended since.",
        Parameters = [Parameters.OperationId],
        Answers =
        [
            new(200, "The operation.")
            {
                Headers = Headers.OfNode,
                Contents = [Content.Json<OperationResponse>(OperationExample)],
            },
        ],
        Problems =
        [
            ProblemType.QueryInvalid, ProblemType.BodyNotAllowed, ProblemType.OperationNotFound,
            ProblemType.OperationElsewhere, ProblemType.Internal, ProblemType.NoQuorum, ProblemType.Overloaded,
        ],
    };

    private const string OperationExample =
        """{"id":"node2.00000000c0ffee00","kind":"range-delete","bucket":"default","state":"running","""
        + """ "total":250000,"deleted":12000,"changed":0,"started":"2026-01-31T12:00:00+00:00"}""";
}
