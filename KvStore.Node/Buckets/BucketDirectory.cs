using System.Collections.Immutable;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Node.Buckets;

/// <summary>What is known of a name.</summary>
internal abstract record BucketLookup
{
    /// <summary>It is a bucket's.</summary>
    public sealed record Found(Bucket Bucket) : BucketLookup;

    /// <summary>It is no bucket's: so said the system group after the question was asked.</summary>
    public sealed record Absent : BucketLookup;

    /// <summary>
    /// The system group could not be asked in time, or not all partitions are rid of what had the name.
    /// </summary>
    public sealed record Unreached : BucketLookup;
}

/// <summary>
/// The node's catalog of buckets: what its replica of the system group says, read without a lock; a name that is not in
/// it is asked for before anybody is told that it is not there. A change of a bucket is answered when it is here.
/// </summary>
internal sealed class BucketDirectory : ICatalog
{
    /// <summary>
    /// Between the beginnings of two linearizable reads: however many ask for names that are not there, the system
    /// group is asked no more often than this.
    /// </summary>
    public static readonly TimeSpan ReadInterval = TimeSpan.FromMilliseconds(25);

    private static readonly TimeSpan ReadPatience = TimeSpan.FromSeconds(5);

    private readonly IPartitions _here;
    private readonly IClusterPartitions _cluster;
    private readonly BucketCloser _closer;
    private readonly TimeProvider _time;
    private readonly SharedRead<BucketCatalog> _read;
    private readonly Lock _gate = new();
    private volatile BucketCatalog _current = BucketCatalog.Empty;
    private volatile bool _isRead;
    private StateImage? _followed;

    public BucketDirectory(IPartitions here, IClusterPartitions cluster, BucketCloser closer, TimeProvider time)
    {
        _here = here;
        _cluster = cluster;
        _closer = closer;
        _time = time;
        _read = new SharedRead<BucketCatalog>(ReadNextAsync, time, ReadInterval);
    }

    /// <summary>As known here; one volatile read.</summary>
    public BucketCatalog Current => _current;

    /// <summary>
    /// Whether it was asked for since the start: until then it is as old as the disk, and no write is judged by it.
    /// </summary>
    public bool IsRead => _isRead;

    /// <summary>Gives a bucket that takes requests, if this node knows it.</summary>
    /// <param name="name">The bucket's name.</param>
    /// <param name="isOldGood">Whether it may be as it was before the node started, as for a read.</param>
    public Bucket? FindKnown(string name, bool isOldGood = false) =>
        (_isRead || isOldGood) && _current.Find(name) is { IsLive: true } known ? known : null;

    /// <summary>Finds a bucket by its name: at once when this node knows it.</summary>
    public ValueTask<BucketLookup> FindAsync(string name, CancellationToken deadline) => FindKnown(name) is { } known
        ? ValueTask.FromResult<BucketLookup>(new BucketLookup.Found(known))
        : FindAnewAsync(name, deadline);

    /// <summary>Finds a bucket by its name, whatever this node knows of it.</summary>
    public async ValueTask<BucketLookup> FindAnewAsync(string name, CancellationToken deadline)
    {
        if (await ReadAsync(deadline).ConfigureAwait(false) is not { } catalog)
            return new BucketLookup.Unreached();
        var found = catalog.Find(name);
        if (found is { IsLive: true })
            return new BucketLookup.Found(found);
        var isGone = found is not { State: BucketState.Dropping }
            || await _closer.CloseAsync(found, deadline).ConfigureAwait(false);
        return isGone ? new BucketLookup.Absent() : new BucketLookup.Unreached();
    }

    /// <summary>
    /// The catalog as the system group's primary has it: a linearizable read that begins after the call, shared by all
    /// who wait for one.
    /// </summary>
    /// <returns>Null when no primary answered in time.</returns>
    /// <exception cref="InvalidDataException">Another version of the program wrote an entry.</exception>
    public ValueTask<BucketCatalog?> ReadAsync(CancellationToken deadline) => _read.ReadAsync(deadline);

    /// <inheritdoc/>
    public async ValueTask<bool> RenewAsync(CancellationToken deadline) =>
        await ReadAsync(deadline).ConfigureAwait(false) is not null;

    /// <summary>Takes over what this node's replica of the system group has applied, if it has one.</summary>
    /// <returns>Whether it has one.</returns>
    public bool Follow()
    {
        if (_here.View is not { } view || _here.ReadLocal(view.SystemGroup) is not { Image: var image })
            return false;
        if (!ReferenceEquals(image, _followed)
            && PartitionEntries.Read(image, new EntriesQuery(BucketFormat.Prefix, Known: null))
                is EntriesOutcome.Read read)
        {
            Adopt(read.Items);
            _followed = image;
        }

        return true;
    }

    private async Task<BucketCatalog?> ReadNextAsync()
    {
        if (_here.View is not { } view)
            return null;
        var known = _current;
        var query = new EntriesQuery(BucketFormat.Prefix, known.Mark);
        using var patience = new CancellationTokenSource(ReadPatience, _time);
        var catalog = await _cluster.ReadAsync(view.SystemGroup, query, patience.Token).ConfigureAwait(false) switch
        {
            EntriesOutcome.Unchanged => known,
            EntriesOutcome.Read read => Adopt(read.Items),
            _ => null,
        };
        if (catalog is not null)
            _isRead = true;
        return catalog;
    }

    private BucketCatalog Adopt(ImmutableArray<EntryItem> items)
    {
        lock (_gate)
        {
            var next = BucketCatalog.From(items, _current);
            if (next.IsNewerThan(_current))
                _current = next;
            return next;
        }
    }
}
