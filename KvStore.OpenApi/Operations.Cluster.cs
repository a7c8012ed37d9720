using System.Collections.Immutable;
using KvStore.Contracts;

namespace KvStore.OpenApi;

/// <summary>Buckets, status, administration, and this document.</summary>
internal static partial class Operations
{
    private const string BucketExample = """{"name":"pictures","id":7,"settings":{"defaultTtl":"30d"}}""";
    private const string ViewExample =
        """{"clusterId":"00000000c0ffee00","epoch":4,"partitions":16,"replicationFactor":3,"founders":3,"""
        + """ "members":[{"id":4,"name":"node1","incarnation":"00000000000000ab"}],"removed":[]}""";

    private static IEnumerable<Operation> OfBuckets
    {
        get
        {
            var list = ListBuckets;
            var read = ReadBucket;
            return
            [
                list, list.AsHead(), read, read.AsHead(),
                ChangeBucket("PUT", "putBucket", "Create a bucket, or replace its settings",
                    "What the body does not name is not set. The settings that a bucket has count at once for requests "
                        + "that come in then.",
                    new("The settings, at most 4096 bytes; none: nothing is set.", IsRequired: false,
                        [Content.Json<BucketSettings>("""{"defaultTtl":"30d","maxValueBytes":65536}""")])),
                ChangeBucket("PATCH", "patchBucket", "Change some settings of a bucket",
                    "A JSON merge patch: a member that is null is no longer set.",
                    new("The changes, at most 4096 bytes.", IsRequired: true,
                        [new(KvMediaTypes.MergePatch, [typeof(BucketSettings)], """{"defaultTtl":null}""")])),
                DropBucket,
            ];
        }
    }

    private static Operation ListBuckets => new()
    {
        Method = "GET",
        Path = Routes.Buckets,
        Id = "getBuckets",
        Tag = Buckets,
        Summary = "List buckets",
        Description = "Buckets by name.",
        Parameters = [Parameters.BucketLimit, Parameters.BucketCursor, Parameters.Timeout, Parameters.TimeoutQuery],
        Answers =
        [
            new(200, "A page.")
            {
                Headers = Headers.OfNode,
                Contents = [Content.Json<BucketListResponse>($$"""{"items":[{{BucketExample}}]}""")],
            },
        ],
        Problems = [.. OfAny, ProblemType.ConditionInvalid, ProblemType.BodyNotAllowed],
    };

    private static Operation ReadBucket => new()
    {
        Method = "GET",
        Path = Routes.Bucket,
        Id = "getBucket",
        Tag = Buckets,
        Summary = "Read a bucket",
        Description = "Its id and settings. The `ETag` is that of the settings.",
        Parameters =
        [
            Parameters.Bucket, Parameters.IfMatch, Parameters.IfNoneMatchRead, Parameters.Timeout,
            Parameters.TimeoutQuery,
        ],
        Answers =
        [
            new(200, "The bucket.")
            {
                Headers = [.. Headers.OfNode, Headers.Etag],
                Contents = [Content.Json<BucketResponse>(BucketExample)],
            },
            new(304, "It is still as `If-None-Match` names it.") { Headers = [.. Headers.OfNode, Headers.Etag] },
        ],
        Problems = [.. OfAny, .. OfOneBucket, ProblemType.BucketNotFound, ProblemType.BodyNotAllowed],
    };

    private static ImmutableArray<ProblemType> OfOneBucket =>
    [
        ProblemType.BucketInvalid, ProblemType.TargetInvalid, ProblemType.ConditionInvalid,
        ProblemType.PreconditionFailed,
    ];

    private static Operation ChangeBucket(string method, string id, string summary, string description, Body body) =>
        new()
        {
            Method = method,
            Path = Routes.Bucket,
            Id = id,
            Tag = Buckets,
            Summary = summary,
            Description = description,
            Parameters = Parameters.OfBucketChange,
            Body = body,
            Answers =
            [
                new(200, "The bucket as it is now.")
                {
                    Headers = [.. Headers.OfNode, Headers.Etag, Headers.IdempotencyReplayed],
                    Contents = [Content.Json<BucketResponse>(BucketExample)],
                },
                .. method is "PUT" ? [new Answer(201, "It was created.")
                {
                    Headers = [.. Headers.OfNode, Headers.Etag, Headers.Location, Headers.IdempotencyReplayed],
                    Contents = [Content.Json<BucketResponse>(BucketExample)],
                }] : ImmutableArray<Answer>.Empty,
            ],
            Problems =
            [
                .. OfAnyWrite, .. OfOneBucket, ProblemType.Conflict, ProblemType.BodyInvalid,
                ProblemType.UnsupportedMediaType,
                .. method is "PATCH" ? [ProblemType.BucketNotFound] : ImmutableArray<ProblemType>.Empty,
            ],
        };

    private static Operation DropBucket => new()
    {
        Method = "DELETE",
        Path = Routes.Bucket,
        Id = "deleteBucket",
        Tag = Buckets,
        Summary = "Drop a bucket with all its keys",
        Description = "When it is answered, the bucket is gone on every node. A bucket that gets the name later is "
            + "another one. `default` cannot be dropped (409).",
        Parameters = Parameters.OfBucketChange,
        Answers = [new(204, "It is gone.") { Headers = [.. Headers.OfNode, Headers.IdempotencyReplayed] }],
        Problems =
        [
            .. OfAnyWrite, .. OfOneBucket, ProblemType.BucketNotFound, ProblemType.Conflict, ProblemType.BodyNotAllowed,
        ],
    };

    private static Operation Ask(
        string path, string id, Tag tag, string summary, string description, params Answer[] answers) => new()
        {
            Method = "GET",
            Path = path,
            Id = id,
            Tag = tag,
            Summary = summary,
            Description = description,
            Answers = [.. answers],
        };

    private static Answer Says<T>(string example, string? word = null) => new(200, "Yes, or what it is.")
    {
        Headers = [Headers.CacheControl],
        Contents =
        [
            .. word is null ? ImmutableArray<Content>.Empty : [new Content("text/plain", [typeof(string)], word)],
            Content.Json<T>(example),
        ],
    };

    private static IEnumerable<Operation> OfStatus
    {
        get
        {
            const string health =
                """{"status":"healthy","nodes":[{"name":"node1","url":"http://localhost:8001","status":"up","""
                + """ "primaries":6}],"epoch":1}""";
            var status = Ask(
                Routes.Status, "getStatus", Status, "What answers here",
                "A node tells of its replicas, its log and its peers; the balancer what it is and where things are.",
                new Answer(200, "A node, or the balancer.")
                {
                    Headers = [Headers.CacheControl],
                    Contents =
                    [
                        new("application/json", [typeof(NodeStatus), typeof(BalancerStatus)],
                            """{"product":"KvStore","role":"balancer","version":"0.1.0","links":{"keys":"/v1/","""
                            + """ "health":"/health","cluster":"/admin/cluster","openApi":"/openapi/v1.json"}}"""),
                    ],
                });
            var ready = Ask(
                Routes.Ready, "getReady", Status, "May it serve, or take over",
                "A node is ready unless it is stopping: it may have to take over. The balancer is as soon as a node "
                    + "told it of the cluster. A node says one word, the balancer JSON.",
                Says<BalancerReadiness>("""{"status":"ready"}""", "ready"),
                new Answer(503, "Not now.")
                {
                    Headers = [Headers.RetryAfter],
                    Contents = [Content.Json<BalancerReadiness>("""{"status":"waiting for a node"}""")],
                }) with
            {
                Problems = [ProblemType.Draining],
            };
            var healthy = Ask(
                Routes.Health, "getHealth", Status, "Is it serving",
                "The balancer judges the cluster, as JSON: `healthy`; `degraded` when something is down and every "
                    + "partition still has a majority; else `unavailable`, with 503. A node says one word of itself.",
                Says<ClusterHealth>(health, "healthy"),
                new Answer(503, "It is not.")
                {
                    Headers = [Headers.RetryAfter],
                    Contents =
                    [
                        Content.Json<ClusterHealth>(
                            health.Replace("healthy", "unavailable", StringComparison.Ordinal)),
                    ],
                }) with
            {
                Problems = [ProblemType.NotReady, ProblemType.Draining],
            };
            var alive = Ask(
                Routes.Alive, "getAlive", Status, "Is the process up", "200 while it can answer at all.",
                new Answer(200, "It is.") { Contents = [new("text/plain", [typeof(string)], "Healthy")] });
            return
            [
                status, status.AsHead(), alive, ready, ready.AsHead(), healthy, healthy.AsHead(),
            ];
        }
    }

    private static IEnumerable<Operation> OfAdministration
    {
        get
        {
            var cluster = Ask(
                Routes.Cluster, "getCluster", Administration, "The cluster as a node knows it",
                "Members, partitions, and who is believed to be the primary of each: all that is needed to find the "
                    + "node for a key.",
                new Answer(200, "The cluster.")
                {
                    Headers = [Headers.CacheControl],
                    Contents =
                    [
                        Content.Json<ClusterStatus>(
                            """{"clusterId":"00000000c0ffee00","epoch":1,"partitions":1,"replicationFactor":3,"""
                            + """ "members":[{"id":1,"name":"node1","url":"http://localhost:8001"}],"""
                            + """ "primaries":[{"member":1,"term":3}]}"""),
                    ],
                }) with
            {
                Problems = [ProblemType.NotReady, ProblemType.NoQuorum],
            };
            return [cluster, cluster.AsHead(), Snapshot, Join, .. Faults];
        }
    }

    private static Operation Snapshot => new()
    {
        Method = "POST",
        Path = Routes.Snapshots,
        Id = "postSnapshots",
        Tag = Administration,
        Summary = "Take a snapshot now",
        Description = "Captures every partition that changed since it was last captured, and lets go of the log behind "
            + "it; a node does so by itself every five minutes. A node answers for itself, the balancer for all of "
            + "them: when each has it on its disk.",
        Answers =
        [
            new(200, "What was captured.")
            {
                Headers = Headers.OfNode,
                Contents =
                [
                    Content.Json<SnapshotResponse>("""{"nodes":[{"name":"node1","partitions":64}]}"""),
                ],
            },
        ],
        Problems =
        [
            ProblemType.BodyNotAllowed, ProblemType.QueryInvalid, ProblemType.NotReady, ProblemType.DiskLow,
            ProblemType.Internal,
        ],
    };

    private static Operation Join => new()
    {
        Method = "POST",
        Path = Routes.Nodes,
        Id = "postNode",
        Tag = Administration,
        Summary = "Take a node in again that lost its disk",
        Description = "What a node sends to the others when the cluster knows its name and another disk. Nodes only: "
            + "the balancer has nothing at this path.",
        Body = new("At most 4096 bytes, their length told.", IsRequired: true,
            [Content.Json<JoinRequest>("""{"name":"node1","incarnation":"00000000000000ab"}""")]),
        Answers =
        [
            new(200, "The view of the cluster in which it is.")
            {
                Contents = [Content.Json<ViewDocument>(ViewExample)],
            },
        ],
        Problems =
        [
            ProblemType.BodyInvalid, ProblemType.Forbidden, ProblemType.Conflict, ProblemType.NotReady,
            ProblemType.RouteNotFound,
        ],
    };

    private static IEnumerable<Operation> Faults => new[]
    {
        ("GET", "getFaults", "What the disk does wrong"),
        ("POST", "postFaults", "Make the disk fail"),
        ("DELETE", "deleteFaults", "Let the disk be well again"),
    }.Select(verb => new Operation
    {
        Method = verb.Item1,
        Path = Routes.Faults,
        Id = verb.Item2,
        Tag = Administration,
        Summary = verb.Item3,
        Description = "For development: there only on a node that was started with `KvStore__AllowFaults=true`.",
        Body = verb.Item1 is not "POST" ? null : new("At most 4096 bytes, their length told.", IsRequired: true,
            [Content.Json<FaultsDocument>("""{"faults":"flush-delay=100ms"}""")]),
        Answers =
        [
            new(200, "What it does wrong now; empty when nothing is.")
            {
                Contents = [Content.Json<FaultsDocument>("""{"faults":""}""")],
            },
        ],
        Problems = verb.Item1 is "POST"
            ? [ProblemType.RouteNotFound, ProblemType.BodyInvalid]
            : [ProblemType.RouteNotFound],
    });

    private static IEnumerable<Operation> OfDocument
    {
        get
        {
            Answer same = new(304, "It is the same document.") { Headers = [DocumentEtag, Headers.CacheControl] };
            var document = Ask(
                Routes.OpenApi, "getOpenApi", Document, "This document",
                "OpenAPI 3.1, the same bytes on every node and on the balancer.",
                new Answer(200, "The document.")
                {
                    Headers = [DocumentEtag, Headers.CacheControl],
                    Contents = [new("application/json", [])],
                },
                same) with
            {
                Parameters = [Parameters.DocumentTag],
            };
            var page = Ask(
                Routes.Problem, "getProblem", Document, "What a problem means",
                "The page that the `type` of a problem leads to: what it means, whether anything was applied, what to "
                    + "do.",
                new Answer(200, "The page, in Markdown.")
                {
                    Headers = [DocumentEtag, Headers.CacheControl],
                    Contents = [new("text/markdown", [typeof(string)], "# not-found")],
                },
                same) with
            {
                Parameters = [Parameters.Code, Parameters.DocumentTag],
                Problems = [ProblemType.RouteNotFound],
            };
            var people = Ask(
                Routes.Scalar, "getScalar", Document, "This document for people",
                "A page to read it and to try it. Nothing of it is loaded from elsewhere.",
                new Answer(200, "The page, at the same path with a slash behind it.")
                {
                    Contents = [new("text/html", [typeof(string)])],
                });
            return [document, document.AsHead(), page, page.AsHead(), people];
        }
    }

    private static Header DocumentEtag => Headers.Etag with
    {
        Id = "ETag-Document",
        Description = "Of the bytes; give it back as `If-None-Match`.",
    };
}
