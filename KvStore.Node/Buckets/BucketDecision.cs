using System.Collections.Immutable;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Buckets;

/// <summary>
/// What a change makes of a catalog: a function of both, which asks and writes nothing.
/// </summary>
internal static class BucketDecision
{
    /// <summary>The most changes that are remembered of one name.</summary>
    public const int MaxRequests = 32;

    private const long PromisedMs = 10 * 60 * 1000;

    /// <summary>Why it cannot be made; null when it can.</summary>
    public static BucketOutcome? Refuse(BucketCatalog catalog, BucketChange change, ulong clusterId, long nowMs)
    {
        var found = catalog.Find(change.Name);
        var live = found is { IsLive: true } ? found : null;
        if (change.RequestId.Kind == RequestIdKind.Timed && change.RequestId.TimeMs < nowMs - PromisedMs)
            return new BucketOutcome.RequestIdExpired();
        if (change.RequestId.Kind == RequestIdKind.Timed
            && change.RequestId.TimeMs > nowMs + KeyValueState.LongestLeadMs)
            return new BucketOutcome.RequestIdAhead();
        if (change.IsCreateOnly && live is not null)
            return new BucketOutcome.Mismatch(live);
        if (change.IfMatch is { } match && (live is null || !IsMet(match, live.EtagIn(clusterId))))
            return new BucketOutcome.Mismatch(live);
        if (live is null && change is not BucketChange.Put)
            return new BucketOutcome.Absent();
        if (change is BucketChange.Drop && change.Name == BucketName.Default)
            return new BucketOutcome.NotAllowed("The default bucket is always there and cannot be dropped.");
        if (found is null && catalog.Entries.Count() >= BucketCatalog.MaxBuckets)
        {
            return new BucketOutcome.NotAllowed(
                $"There are {BucketCatalog.MaxBuckets} buckets, those just dropped among them: no more are made.");
        }

        return found is not null && Remembered(found, nowMs).Count(IsOfClient) >= MaxRequests
            ? new BucketOutcome.Overloaded()
            : null;
    }

    /// <summary>Whether it makes a new bucket, which needs an id of its own.</summary>
    public static bool NeedsId(BucketCatalog catalog, BucketChange change) =>
        catalog.Find(change.Name) is not { IsLive: true };

    /// <summary>The entry that the change makes of one that it may be made of.</summary>
    public static Bucket Make(BucketCatalog catalog, BucketChange change, BucketId newId, long nowMs)
    {
        var found = catalog.Find(change.Name);
        var live = found is { IsLive: true } ? found : null;
        var next = new Bucket
        {
            Name = change.Name,
            Id = live?.Id ?? newId,
            Revision = (live?.Revision ?? 0) + 1,
            State = change is BucketChange.Drop ? BucketState.Dropping : BucketState.Live,
            Settings = change switch
            {
                BucketChange.Put put => put.Settings,
                BucketChange.Patch patch => patch.Apply(live!.Settings),
                _ => live!.Settings,
            },
            EntryVersion = found?.EntryVersion ?? KeyVersion.None,
        };
        var made = new BucketRequest(
            change.RequestId, change.Print, KindOf(change, live), next.Id, next.Revision, nowMs);
        return next with { Requests = Remember(found, made, nowMs) };
    }

    private static BucketChangeKind KindOf(BucketChange change, Bucket? live) =>
        change is BucketChange.Drop ? BucketChangeKind.Dropped
        : live is null ? BucketChangeKind.Created
        : BucketChangeKind.Changed;

    private static ImmutableArray<BucketRequest> Remember(Bucket? found, BucketRequest made, long nowMs)
    {
        var kept = found is null ? [] : Remembered(found, nowMs).ToList();
        while (kept.Count >= MaxRequests)    // those of clients are fewer: one of the cluster's own goes
            kept.Remove(kept.First(request => !IsOfClient(request)));
        return [.. kept, made];
    }

    private static IEnumerable<BucketRequest> Remembered(Bucket found, long nowMs) =>
        found.Requests.Where(request => !request.IsForgottenAt(nowMs));

    private static bool IsOfClient(BucketRequest request) => request.Id.Kind != RequestIdKind.Internal;

    private static bool IsMet(EtagCondition condition, Etag tag) => condition.IsAny || condition.Tags.Contains(tag);
}
