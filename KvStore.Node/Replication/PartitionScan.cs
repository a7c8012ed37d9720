using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>The keys of states in order, alone and merged.</summary>
internal static class PartitionScan
{
    private const int KeysBetweenLooks = 4096;

    private static readonly Comparer<ReadOnlyMemory<byte>> Ascending =
        Comparer<ReadOnlyMemory<byte>>.Create((left, right) => left.Span.SequenceCompareTo(right.Span));

    private static readonly Comparer<ReadOnlyMemory<byte>> Descending =
        Comparer<ReadOnlyMemory<byte>>.Create((left, right) => right.Span.SequenceCompareTo(left.Span));

    /// <summary>
    /// What one state has of a bucket. Keys with a common prefix are passed over by looking for the first one behind
    /// them.
    /// </summary>
    public static IEnumerable<ScanItem> Of(StateImage image, BucketId bucket, ScanQuery query)
    {
        ScanQuery? left = query;
        while (left is not null)
        {
            var group = default(ScanItem);
            foreach (var (key, entry) in Within(image, bucket, left))
            {
                group = GroupOf(key, query);
                if (group is not null)
                    break;
                yield return ItemOf(key, entry, query.Values);
            }

            if (group is null)
                yield break;
            yield return group;
            left = left.After(group);
        }
    }

    /// <summary>How many keys one state has between the ends; common prefixes count with all their keys.</summary>
    public static long Count(StateImage image, BucketId bucket, ScanQuery query, CancellationToken deadline)
    {
        long count = 0;
        foreach (var _ in Within(image, bucket, query with { IsDescending = false }))
        {
            if (++count % KeysBetweenLooks == 0)
                deadline.ThrowIfCancellationRequested();
        }

        return count;
    }

    /// <summary>Several sources in one order; a common prefix that more than one has comes once.</summary>
    public static IEnumerable<ScanItem> InOrder(IEnumerable<IEnumerable<ScanItem>> sources, bool isDescending)
    {
        var heads = new PriorityQueue<IEnumerator<ScanItem>, ReadOnlyMemory<byte>>(
            isDescending ? Descending : Ascending);
        foreach (var source in sources)
        {
            var head = source.GetEnumerator();
            if (head.MoveNext())
                heads.Enqueue(head, head.Current.Key);
        }

        var lastPrefix = default(ScanItem);
        while (heads.TryPeek(out var head, out _))
        {
            var item = head.Current;
            var isKnown = item.IsPrefix && lastPrefix is not null && item.Key.Span.SequenceEqual(lastPrefix.Key.Span);
            if (!isKnown)
                yield return item;
            lastPrefix = item.IsPrefix ? item : lastPrefix;
            if (head.MoveNext())
                heads.DequeueEnqueue(head, head.Current.Key);
            else
                heads.Dequeue();
        }
    }

    /// <summary>As many items as the query allows.</summary>
    public static ScanPart Take(IEnumerable<ScanItem> ordered, ScanQuery query)
    {
        var items = ImmutableArray.CreateBuilder<ScanItem>();
        var bytes = 0;
        foreach (var item in ordered)
        {
            if (item.IsCut || items.Count >= query.Limit || (items.Count > 0 && bytes + item.Bytes > query.MaxBytes))
                return new ScanPart(items.DrainToImmutable(), IsComplete: false);
            items.Add(item);
            bytes += item.Bytes;
        }

        return new ScanPart(items.DrainToImmutable(), IsComplete: true);
    }

    private static IEnumerable<KeyValuePair<ReadOnlyMemory<byte>, StoredEntry>> Within(
        StateImage image, BucketId bucket, ScanQuery query) => query.IsDescending
        ? image.Before(bucket, query.End).TakeWhile(pair => pair.Key.Span.SequenceCompareTo(query.Start.Span) >= 0)
        : query.End is { } end
            ? image.From(bucket, query.Start).TakeWhile(pair => pair.Key.Span.SequenceCompareTo(end.Span) < 0)
            : image.From(bucket, query.Start);

    /// <summary>The common prefix that stands for the key; null when it stands for itself.</summary>
    private static ScanItem? GroupOf(ReadOnlyMemory<byte> key, ScanQuery query)
    {
        if (query.Delimiter.IsEmpty || key.Length <= query.PrefixLength)
            return null;
        var at = key.Span[query.PrefixLength..].IndexOf(query.Delimiter.Span);
        return at < 0
            ? null
            : new ScanItem { Key = key[..(query.PrefixLength + at + query.Delimiter.Length)], IsPrefix = true };
    }

    private static ScanItem ItemOf(ReadOnlyMemory<byte> key, StoredEntry entry, ScanValues values)
    {
        var item = new ScanItem { Key = key, Version = entry.Version, Size = entry.Value.Length };
        return values is ScanValues.None ? item : item with
        {
            ContentType = entry.ContentType,
            ModifiedMs = entry.ModifiedMs,
            ExpiresMs = entry.ExpiresMs,
            Value = values is ScanValues.Full ? entry.Value : default,
            Metadata = values is ScanValues.Full ? entry.Metadata : default,
        };
    }
}
