using System.Collections.Immutable;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Node.Replication;

namespace KvStore.Node.Buckets;

/// <summary>
/// All names with their entries, as the system group had them at one moment; immutable, swapped whole.
/// </summary>
internal sealed class BucketCatalog
{
    /// <summary>The most buckets that a cluster has, the default one among them.</summary>
    public const int MaxBuckets = 10_000;

    private readonly Dictionary<string, Bucket> _entries;    // never changed once the constructor is left

    private BucketCatalog(Dictionary<string, Bucket> entries, EntriesMark mark, BucketId nextId, KeyVersion idsVersion)
    {
        _entries = entries;
        (Mark, NextId, IdsVersion) = (mark, nextId, idsVersion);
        Default = entries.GetValueOrDefault(BucketName.Default) ?? Bucket.Default;
        Live =
        [
            .. entries.Values
                .Where(bucket => bucket.IsLive && bucket.Name != BucketName.Default)
                .Append(Default)
                .OrderBy(bucket => bucket.Name, StringComparer.Ordinal),
        ];
    }

    /// <summary>That of a cluster in which no bucket was ever made or changed.</summary>
    public static BucketCatalog Empty { get; } = new(new(StringComparer.Ordinal), default, FirstId, KeyVersion.None);

    /// <summary>Tells it from that of another moment.</summary>
    public EntriesMark Mark { get; }

    /// <summary>The id that was not given yet.</summary>
    public BucketId NextId { get; }

    /// <summary>The version of the entry that keeps it.</summary>
    public KeyVersion IdsVersion { get; }

    /// <summary>The bucket that is always there.</summary>
    public Bucket Default { get; }

    /// <summary>Those that take requests, by name.</summary>
    public ImmutableArray<Bucket> Live { get; }

    /// <summary>Every entry: what is being dropped, and what is left of what was, too.</summary>
    public IEnumerable<Bucket> Entries => _entries.Values;

    private static BucketId FirstId => new(BucketId.Default.Value + 1);

    /// <summary>The name's entry, in whatever state; null when there is none.</summary>
    public Bucket? Find(string name) =>
        name == BucketName.Default ? Default : _entries.GetValueOrDefault(name);

    /// <summary>Reads the system group's entries; those of the same version are taken over as they were read.</summary>
    /// <exception cref="InvalidDataException">One of them is none that this version writes.</exception>
    public static BucketCatalog From(ImmutableArray<EntryItem> items, BucketCatalog before)
    {
        var entries = new Dictionary<string, Bucket>(items.Length, StringComparer.Ordinal);
        var (nextId, idsVersion) = (FirstId, KeyVersion.None);
        foreach (var item in items)
        {
            if (BucketFormat.NameOf(item.Key.Span) is { } name)
            {
                var known = before._entries.GetValueOrDefault(name);
                entries[name] = known?.EntryVersion == item.Version
                    ? known
                    : BucketFormat.Decode(name, item.Value.Span, item.Version);
            }
            else if (item.Key.Span.SequenceEqual(BucketFormat.KeyOfIds.Span))
            {
                (nextId, idsVersion) = (BucketFormat.DecodeIds(item.Value.Span), item.Version);
            }
        }

        return new BucketCatalog(entries, PartitionEntries.MarkOf(items), nextId, idsVersion);
    }

    /// <summary>
    /// Whether it says more than another: a later write, or, after the same writes, fewer of the entries that mean
    /// nothing any more.
    /// </summary>
    public bool IsNewerThan(BucketCatalog other) =>
        Mark.Newest > other.Mark.Newest || (Mark.Newest == other.Mark.Newest && Mark.Count < other.Mark.Count);
}
