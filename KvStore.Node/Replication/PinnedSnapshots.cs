using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>
/// The states that this node keeps for those who read a list page by page: what the partitions that it was primary of
/// had when the list was begun. A state never changes; to pin it is to refer to it.
/// </summary>
internal sealed class PinnedSnapshots : IDisposable
{
    /// <summary>Snapshots that somebody reads on in, kept at once.</summary>
    public const int MaxKept = 256;

    /// <summary>Snapshots whose first page is being read, at once.</summary>
    public const int MaxPending = 1024;

    /// <summary>How long one is kept from its first page on; one that is renewed, from when it was last read.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    /// <summary>
    /// How long one is kept that is renewed, however often it is read: what was overwritten since takes memory as long.
    /// </summary>
    public static readonly TimeSpan LongestLifetime = TimeSpan.FromHours(2);

    /// <summary>
    /// How long nobody has to have read on in one that makes room for another; and how long one is kept that was read
    /// to its end: every value that is overwritten meanwhile stays in memory with it.
    /// </summary>
    public static readonly TimeSpan IdleTime = TimeSpan.FromMinutes(1);

    /// <summary>The same where nobody has read on at all: most who read a first page want no other.</summary>
    public static readonly TimeSpan FirstIdleTime = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, Pinned> _pinned = [];
    private readonly IPartitions _here;
    private readonly TimeProvider _time;
    private readonly ITimer _sweep;
    private int _kept;

    public PinnedSnapshots(IPartitions here, TimeProvider time)
    {
        (_here, _time) = (here, time);
        _sweep = time.CreateTimer(_ => Sweep(), null, IdleTime / 4, IdleTime / 4);
    }

    /// <summary>How many there are, kept or not yet.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _pinned.Count;
        }
    }

    /// <summary>
    /// Confirms leadership of the partitions, pins what they have then, and reads the first items. What is due to
    /// expire expires before that, and what is acknowledged of transactions is done before that.
    /// </summary>
    public async Task<PinOutcome> PinAsync(PinRequest request, CancellationToken deadline)
    {
        var reads = request.Partitions
            .Select(partition => DueReads.ReadSettledAsync(_here, partition, deadline).AsTask())
            .ToList();
        var (images, pinned) = (new List<StateImage>(), ImmutableArray.CreateBuilder<PinnedPartition>());
        var elsewhere = ImmutableArray.CreateBuilder<(PartitionId, NodeId)>();
        var (isGone, isOverloaded) = (false, false);
        for (var at = 0; at < reads.Count; at++)
        {
            var partition = request.Partitions[at];
            switch (await reads[at].ConfigureAwait(false))
            {
                case ReadOutcome.Ready { Image: var image }:
                    pinned.Add(new PinnedPartition(partition, image.Index));
                    isGone |= image.IsClosed(request.Bucket);
                    if (image.HasKeys(request.Bucket))
                        images.Add(image.Only(request.Bucket));
                    break;
                case ReadOutcome.Overloaded:
                    isOverloaded = true;
                    break;
                case var other:
                    elsewhere.Add((partition, (other as ReadOutcome.NotPrimary)?.Hint ?? NodeId.None));
                    break;
            }
        }

        if (isGone || isOverloaded)
            return new PinOutcome { IsBucketGone = isGone, IsOverloaded = isOverloaded };
        var outcome = new PinOutcome { Pinned = pinned.DrainToImmutable(), Elsewhere = elsewhere.DrainToImmutable() };
        if (request.IsHeld && !TryAdd(request, outcome.Pinned, images))
            return new PinOutcome { IsOverloaded = true };
        return outcome with
        {
            Part = Read(images, request.Bucket, request.Query),
            Count = request.IsCounted
                ? images.Sum(image => PartitionScan.Count(image, request.Bucket, request.Query, deadline))
                : 0,
        };
    }

    /// <summary>Reads on; <see cref="ScanOutcome.Nothing"/> where nothing is pinned under the id.</summary>
    public ScanOutcome Scan(ulong snapshot, ScanQuery query)
    {
        BucketId bucket;
        ImmutableArray<PinnedPartition> partitions;
        List<StateImage> images;
        lock (_gate)
        {
            if (!_pinned.TryGetValue(snapshot, out var pinned) || IsOver(pinned))
                return ScanOutcome.Nothing;
            pinned.UsedAt = _time.GetTimestamp();
            pinned.IsReadOn = true;
            (bucket, partitions, images) = (pinned.Bucket, pinned.Partitions, pinned.Images);
        }

        foreach (var (partition, _) in partitions)
        {
            if (_here.ReadLocal(partition)?.Image.IsClosed(bucket) == true)
                return ScanOutcome.Nothing;    // the bucket was dropped since
        }

        return new ScanOutcome(partitions, Read(images, bucket, query));
    }

    /// <summary>
    /// Keeps a snapshot for those who read on in it, or lets go of it: now, or when others need the room.
    /// </summary>
    /// <returns>False: too many are kept, and this one is gone.</returns>
    public bool Settle(ulong snapshot, PinFate fate)
    {
        lock (_gate)
        {
            if (!_pinned.TryGetValue(snapshot, out var pinned))
                return true;
            pinned.IsRead |= fate is PinFate.Read;
            var hasRoom = pinned.IsKept || _kept < MaxKept || (fate is PinFate.Kept && TryMakeRoom());
            if (fate is PinFate.Released || !hasRoom)
            {
                Remove(snapshot, pinned);
                return fate is not PinFate.Kept;
            }

            _kept += pinned.IsKept ? 0 : 1;
            pinned.IsKept = true;
            return true;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _sweep.Dispose();

    private static ScanPart Read(List<StateImage> images, BucketId bucket, ScanQuery query) => PartitionScan.Take(
        PartitionScan.InOrder(images.Select(image => PartitionScan.Of(image, bucket, query)), query.IsDescending),
        query);

    private bool TryAdd(PinRequest request, ImmutableArray<PinnedPartition> partitions, List<StateImage> images)
    {
        lock (_gate)
        {
            if (_pinned.TryGetValue(request.Snapshot, out var known))
            {
                known.Add(partitions, images);
                return true;
            }

            if (_pinned.Count - _kept >= MaxPending)
                return false;
            var now = _time.GetTimestamp();
            _pinned.Add(request.Snapshot, new Pinned(request.Bucket, now, partitions, images)
            {
                UsedAt = now,
                IsRenewed = request.IsRenewed,
            });
            return true;
        }
    }

    /// <summary>Lets go of one that was read to its end, or else of the one that could go for longest.</summary>
    private bool TryMakeRoom()
    {
        var (id, first) = _pinned.Where(pinned => pinned.Value.IsKept)
            .MinBy(pinned => (!pinned.Value.IsRead, IdleLeft(pinned.Value)));
        if (!first.IsRead && IdleLeft(first) > TimeSpan.Zero)
            return false;
        Remove(id, first);
        return true;
    }

    private TimeSpan IdleLeft(Pinned pinned) =>
        (pinned.IsReadOn ? IdleTime : FirstIdleTime) - _time.GetElapsedTime(pinned.UsedAt);

    private void Sweep()
    {
        lock (_gate)
        {
            foreach (var (id, pinned) in _pinned.ToList())
            {
                if (IsOver(pinned)
                    || (!pinned.IsKept && _time.GetElapsedTime(pinned.Since) >= IdleTime)
                    || (pinned.IsRead && _time.GetElapsedTime(pinned.UsedAt) >= IdleTime))
                    Remove(id, pinned);
            }
        }
    }

    private bool IsOver(Pinned pinned) =>
        _time.GetElapsedTime(pinned.IsRenewed ? pinned.UsedAt : pinned.Since) >= Lifetime
        || _time.GetElapsedTime(pinned.Since) >= LongestLifetime;

    private void Remove(ulong id, Pinned pinned)
    {
        _pinned.Remove(id);
        _kept -= pinned.IsKept ? 1 : 0;
    }

    /// <summary>One snapshot's part on this node; of a state without keys in the bucket the index alone.</summary>
    private sealed class Pinned(
        BucketId bucket, long since, ImmutableArray<PinnedPartition> partitions, List<StateImage> images)
    {
        public BucketId Bucket => bucket;

        public long Since => since;

        public required long UsedAt { get; set; }

        public bool IsKept { get; set; }

        public bool IsRead { get; set; }

        public bool IsReadOn { get; set; }

        public bool IsRenewed { get; init; }

        public ImmutableArray<PinnedPartition> Partitions { get; private set; } = partitions;

        public List<StateImage> Images { get; private set; } = images;

        public void Add(ImmutableArray<PinnedPartition> more, List<StateImage> moreImages) =>
            (Partitions, Images) = (Partitions.AddRange(more), [.. Images, .. moreImages]);
    }
}
