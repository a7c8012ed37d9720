using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Node.Watch;

/// <summary>Which kinds of changes are watched.</summary>
[Flags]
internal enum WatchKinds
{
    /// <summary>Keys that are written.</summary>
    Put = 1 << KeyChangeKind.Put,

    /// <summary>Keys that are removed.</summary>
    Delete = 1 << KeyChangeKind.Delete,

    /// <summary>Keys whose time is over.</summary>
    Expire = 1 << KeyChangeKind.Expire,

    /// <summary>All of them.</summary>
    All = Put | Delete | Expire,
}

/// <summary>What somebody watches.</summary>
/// <param name="Bucket">The bucket.</param>
/// <param name="Prefix">What the keys begin with; the key itself when it is one alone.</param>
/// <param name="Kinds">Which changes.</param>
internal sealed record WatchFilter(BucketId Bucket, ReadOnlyMemory<byte> Prefix, WatchKinds Kinds)
{
    /// <summary>Whether it is one key and not all that begin like it.</summary>
    public bool IsOneKey { get; init; }

    /// <summary>Whether a change is watched.</summary>
    public bool Matches(in AppliedChange change) =>
        change.Bucket == Bucket
        && change.Key.Span.StartsWith(Prefix.Span)
        && MatchesInside(change);

    /// <summary>Whether a change is watched that is known to be of the bucket and under the prefix.</summary>
    public bool MatchesInside(in AppliedChange change) =>
        (Kinds & (WatchKinds)(1 << (int)change.Kind)) != 0
        && (!IsOneKey || change.Key.Length == Prefix.Length);
}
