using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>One change to a key, as watchers are told of it.</summary>
/// <param name="Bucket">Where the key is.</param>
/// <param name="Key">The key.</param>
/// <param name="Kind">What happened to it.</param>
/// <param name="Version">Of a put: the version that is stored now; else the removal's.</param>
/// <param name="Value">Of a put: the bytes; else none.</param>
/// <param name="ContentType">Of a put: their MIME type; else empty.</param>
internal readonly record struct AppliedChange(
    BucketId Bucket,
    ReadOnlyMemory<byte> Key,
    KeyChangeKind Kind,
    KeyVersion Version,
    ReadOnlyMemory<byte> Value,
    string ContentType);

/// <summary>All that one command of a partition's log changed; immutable once a history has it.</summary>
internal sealed class AppliedChanges
{
    /// <summary>What a change costs beside its key and value.</summary>
    public const int ChangeBytes = 160;

    /// <summary>The command's place in the log.</summary>
    public required LogIndex Index { get; init; }

    /// <summary>The changes, in the command's order.</summary>
    public required ImmutableArray<AppliedChange> Changes
    {
        get;
        init
        {
            field = value;
            Bytes = ChangeBytes;
            foreach (var change in value)
                Bytes += ChangeBytes + change.Key.Length + change.Value.Length;
        }
    }

    /// <summary>The bucket that it closed, with all that was in it; id 0: none.</summary>
    public BucketId Closed { get; init; }

    /// <summary>What keeping it costs, in bytes.</summary>
    public long Bytes { get; private init; }

    /// <summary>How much it counts towards the limit of changes.</summary>
    public int Count => Math.Max(1, Changes.Length);

    /// <summary>Where it stands in the one history that keeps it, which sets it before anybody sees it.</summary>
    internal long Sequence { get; set; }

    /// <summary>What a command did, from what the state says of it.</summary>
    public static AppliedChanges Of(
        LogIndex index, Term term, IReadOnlyList<KeyChange> changes, BucketId? closed)
    {
        var applied = ImmutableArray.CreateBuilder<AppliedChange>(changes.Count);
        for (var at = 0; at < changes.Count; at++)
            applied.Add(Of(changes[at], new KeyVersion(term, index)));
        return new AppliedChanges { Index = index, Changes = applied.MoveToImmutable(), Closed = closed ?? default };
    }

    private static AppliedChange Of(KeyChange change, KeyVersion removal) => change.Kind == KeyChangeKind.Put
        ? new AppliedChange(
            change.Bucket,
            change.Key,
            change.Kind,
            change.Entry.Version,
            change.Entry.Value,
            change.Entry.ContentType)
        : new AppliedChange(
            change.Bucket,
            change.Key.ToArray(),    // else a removed value would be kept alive by the key beside it
            change.Kind,
            removal,
            default,
            "");
}
