using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>The entries of a state whose keys begin alike.</summary>
internal static class PartitionEntries
{
    /// <summary>Reads them; <see cref="EntriesOutcome.Unchanged"/> when they are the known ones.</summary>
    public static EntriesOutcome Read(StateImage image, EntriesQuery query)
    {
        if (query.Known is { } known && MarkOf(image, query.Prefix) == known)
            return new EntriesOutcome.Unchanged();
        var items = ImmutableArray.CreateBuilder<EntryItem>();
        foreach (var (key, entry) in Of(image, query.Prefix))
            items.Add(new EntryItem(key, entry.Value, entry.Version));
        return new EntriesOutcome.Read(items.DrainToImmutable());
    }

    /// <summary>Reads them from this node's replica, if that is the primary.</summary>
    public static async ValueTask<EntriesOutcome> ReadAsync(
        IPartitions here, PartitionId partition, EntriesQuery query, CancellationToken deadline) =>
        await here.ReadAsync(partition, deadline).ConfigureAwait(false) switch
        {
            ReadOutcome.Ready ready => Read(ready.Image, query),
            ReadOutcome.NotPrimary elsewhere => new EntriesOutcome.NotPrimary(elsewhere.Hint),
            ReadOutcome.Overloaded => new EntriesOutcome.Overloaded(),
            _ => new EntriesOutcome.TimedOut(),
        };

    /// <summary>What tells these entries from those of another moment.</summary>
    public static EntriesMark MarkOf(IEnumerable<EntryItem> items)
    {
        var mark = default(EntriesMark);
        foreach (var item in items)
            mark = With(mark, item.Version);
        return mark;
    }

    private static EntriesMark MarkOf(StateImage image, ReadOnlyMemory<byte> prefix)
    {
        var mark = default(EntriesMark);
        foreach (var (_, entry) in Of(image, prefix))
            mark = With(mark, entry.Version);
        return mark;
    }

    private static EntriesMark With(EntriesMark mark, KeyVersion version) =>
        new(mark.Count + 1, version.Index > mark.Newest ? version.Index : mark.Newest);

    private static IEnumerable<KeyValuePair<ReadOnlyMemory<byte>, StoredEntry>> Of(
        StateImage image, ReadOnlyMemory<byte> prefix) =>
        image.From(BucketId.Default, prefix).TakeWhile(pair => pair.Key.Span.StartsWith(prefix.Span));
}
