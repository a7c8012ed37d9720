using System.IO.Hashing;
using KvStore.Core.Primitives;
using KvStore.Node.Replication;

namespace KvStore.Node.Watch;

/// <summary>
/// Those who wait, by bucket and prefix: a change finds its watchers without a look at anybody else's. Not safe for
/// several threads.
/// </summary>
internal sealed class WatchIndex
{
    private readonly Dictionary<BucketId, SortedDictionary<int, Prefixes>> _buckets = [];

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>Takes somebody in.</summary>
    public void Add(Watcher watcher)
    {
        var filter = watcher.Filter;
        if (!_buckets.TryGetValue(filter.Bucket, out var lengths))
            _buckets.Add(filter.Bucket, lengths = []);
        if (!lengths.TryGetValue(filter.Prefix.Length, out var prefixes))
            lengths.Add(filter.Prefix.Length, prefixes = new Prefixes());
        if (!prefixes.TryGetValue(filter.Prefix, out var watchers))
            prefixes.Add(filter.Prefix, watchers = []);
        watchers.Add(watcher);
        Count++;
    }

    /// <summary>Takes somebody out who is in.</summary>
    public void Remove(Watcher watcher)
    {
        var filter = watcher.Filter;
        var lengths = _buckets[filter.Bucket];
        var prefixes = lengths[filter.Prefix.Length];
        var watchers = prefixes[filter.Prefix];
        watchers.Remove(watcher);
        Count--;
        if (watchers.Count > 0)
            return;
        prefixes.Remove(filter.Prefix);
        if (prefixes.Count == 0)
            lengths.Remove(filter.Prefix.Length);
        if (lengths.Count == 0)
            _buckets.Remove(filter.Bucket);
    }

    /// <summary>Adds those to <paramref name="found"/> whom a command concerns; they stay in.</summary>
    public void Find(AppliedChanges changes, HashSet<Watcher> found)
    {
        if (changes.Closed.Value != 0 && _buckets.TryGetValue(changes.Closed, out var closed))
            found.UnionWith(closed.Values.SelectMany(prefixes => prefixes.Values).SelectMany(watchers => watchers));
        foreach (var change in changes.Changes)
        {
            if (!_buckets.TryGetValue(change.Bucket, out var lengths))
                continue;
            foreach (var (length, prefixes) in lengths)
            {
                if (length > change.Key.Length)
                    break;
                if (prefixes.TryGetWatchers(change.Key.Span[..length], out var watchers))
                    Find(change, watchers, found);
            }
        }
    }

    /// <summary>Everybody.</summary>
    public IEnumerable<Watcher> All => _buckets.Values
        .SelectMany(lengths => lengths.Values)
        .SelectMany(prefixes => prefixes.Values)
        .SelectMany(watchers => watchers);

    private static void Find(in AppliedChange change, HashSet<Watcher> watchers, HashSet<Watcher> found)
    {
        foreach (var watcher in watchers)
        {
            if (watcher.Filter.MatchesInside(change))
                found.Add(watcher);
        }
    }

    /// <summary>Watchers by prefixes of one length.</summary>
    private sealed class Prefixes() : Dictionary<ReadOnlyMemory<byte>, HashSet<Watcher>>(ByBytes.Instance)
    {
        public bool TryGetWatchers(ReadOnlySpan<byte> prefix, out HashSet<Watcher> watchers)
        {
            var isThere = GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(prefix, out var found);
            watchers = found!;
            return isThere;
        }
    }

    private sealed class ByBytes
        : IEqualityComparer<ReadOnlyMemory<byte>>,
            IAlternateEqualityComparer<ReadOnlySpan<byte>, ReadOnlyMemory<byte>>
    {
        public static ByBytes Instance { get; } = new();

        public ReadOnlyMemory<byte> Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

        public bool Equals(ReadOnlyMemory<byte> x, ReadOnlyMemory<byte> y) => x.Span.SequenceEqual(y.Span);

        public bool Equals(ReadOnlySpan<byte> alternate, ReadOnlyMemory<byte> other) =>
            alternate.SequenceEqual(other.Span);

        public int GetHashCode(ReadOnlyMemory<byte> obj) => GetHashCode(obj.Span);

        public int GetHashCode(ReadOnlySpan<byte> alternate) => (int)XxHash3.HashToUInt64(alternate);
    }
}
