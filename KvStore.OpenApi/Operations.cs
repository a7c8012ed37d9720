using System.Collections.Immutable;
using KvStore.Contracts;

namespace KvStore.OpenApi;

/// <summary>The one table of all that the API does.</summary>
internal static partial class Operations
{
    /// <summary>All of them, in the order in which they are described.</summary>
    public static ImmutableArray<Operation> All =>
    [
        .. OfKeys(KeyRoot.Envelope),
        .. OfKeys(KeyRoot.Raw),
        .. OfCollection(KeyRoot.Envelope),
        .. OfCollection(KeyRoot.Raw),
        .. OfMany,
        .. OfExports,
        .. OfWatch,
        .. OfBuckets,
        .. OfStatus,
        .. OfAdministration,
        .. OfLongOperations,
        .. OfDocument,
    ];

    /// <summary>What they are sorted by.</summary>
    public static ImmutableArray<Tag> Tags =>
    [
        DefaultKeys, BucketKeys, ManyKeys, Batches, ExportsAndImports, Watches, Buckets, Status, Administration,
        Document,
    ];

    private static Tag DefaultKeys => new(
        "Keys of the default bucket",
        "Entries as JSON: `POST` takes an envelope, `GET` gives key, value and version. Every string after `/v1/` is "
            + "a key.");

    private static Tag BucketKeys => new(
        "Keys of any bucket",
        "Values as they are stored: the bytes, under the type that they came with. The bucket `default` has the keys "
            + "of `/v1/`.");

    private static Tag ManyKeys => new(
        "Many keys", "Lists in byte order, removal of ranges, and keys that the server chooses.");

    private static Tag Batches => new(
        "Batches and transactions", "Many operations in one request: each judged alone, or all of them or none.");

    private static Tag ExportsAndImports => new(
        "Exports and imports", "A whole bucket as lines of JSON, from which every byte can be had again.");

    private static Tag Watches => new(
        "Watches", "Changes as they happen. Each key's changes come in their order, at least once.");

    private static Tag Buckets => new(
        "Buckets", "Keys under a name of their own, with settings of their own.");

    private static Tag Status => new("Status", "Is it up, is it ready, how well does it serve.");

    private static Tag Administration => new(
        "Administration", "The cluster itself. The balancer passes on only what reads.");

    private static Tag Document => new("This document", "The API described by itself.");

    /// <summary>Any request that a node looks into.</summary>
    private static ImmutableArray<ProblemType> OfAny =>
    [
        ProblemType.QueryInvalid, ProblemType.HeaderInvalid, ProblemType.Internal, ProblemType.NoQuorum,
        ProblemType.NotReady, ProblemType.Overloaded,
    ];

    /// <summary>What may have begun when its time is over.</summary>
    private static ImmutableArray<ProblemType> OfAnyWrite =>
    [
        .. OfAny, ProblemType.IdempotencyKeyInvalid, ProblemType.IdempotencyExpired, ProblemType.IdempotencyAhead,
        ProblemType.IdempotencyMismatch, ProblemType.DeadlineExceeded,
    ];

    /// <summary>A body that must arrive whole.</summary>
    private static ImmutableArray<ProblemType> OfBody =>
        [ProblemType.BodyInvalid, ProblemType.UnsupportedMediaType, ProblemType.UnsupportedEncoding];

    private static bool IsDefault(KeyRoot root) => root is KeyRoot.Envelope;
}
