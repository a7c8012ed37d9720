using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>What became of a page of a list.</summary>
internal abstract record PageOutcome
{
    /// <summary>Some keys of all partitions, in the order asked for.</summary>
    /// <param name="Snapshot">Names the states that they are of; nobody has them where nothing follows.</param>
    /// <param name="Positions">For each partition, the last command that its state contains.</param>
    /// <param name="Items">The keys and common prefixes.</param>
    /// <param name="Next">Asks for those that follow; null: nothing follows.</param>
    /// <param name="Count">How many keys there are, where that was asked for.</param>
    public sealed record Page(
        ulong Snapshot,
        ImmutableArray<LogIndex> Positions,
        ImmutableArray<ScanItem> Items,
        ScanQuery? Next,
        long? Count) : PageOutcome;

    /// <summary>Not all nodes have the snapshot, or not any longer.</summary>
    public sealed record Gone : PageOutcome;

    /// <summary>The bucket was dropped.</summary>
    public sealed record BucketGone : PageOutcome;

    /// <summary>Some node keeps as many snapshots as it can.</summary>
    public sealed record TooMany : PageOutcome;

    /// <summary>Too much is waiting somewhere.</summary>
    public sealed record Overloaded : PageOutcome;

    /// <summary>Not every partition had a primary that confirmed itself before the deadline.</summary>
    public sealed record TimedOut : PageOutcome;
}

/// <summary>
/// Lists over all partitions of the cluster: has their primaries pin their states, and merges what every node reads in
/// those that it has. A snapshot is named by a number alone, so that any node can give any page of it.
/// </summary>
internal sealed class ClusterSnapshots(
    IPartitions here, PinnedSnapshots own, IScanPeers peers, TimeProvider time)
{
    /// <summary>How long a page waits for a node that cannot be asked; then what that pinned counts as lost.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SettlePatience = TimeSpan.FromSeconds(2);
    private const int MinPartBytes = 64 << 10;

    /// <summary>The first page: of states that contain every write that was acknowledged before.</summary>
    /// <param name="bucket">Whose keys.</param>
    /// <param name="query">Which of them.</param>
    /// <param name="isCounted">Whether to count all of them.</param>
    /// <param name="deadline">Cancelled when the caller's deadline passes.</param>
    /// <param name="isRenewed">Whether it is kept as long as it is read.</param>
    public async ValueTask<PageOutcome> OpenAsync(
        BucketId bucket, ScanQuery query, bool isCounted, CancellationToken deadline, bool isRenewed = false)
    {
        while (!deadline.IsCancellationRequested)
        {
            var gathering = new Gathering(here.View!.Ring.PartitionCount, new PinRequest
            {
                Snapshot = RandomIds.Number(),
                Bucket = bucket,
                Partitions = [],
                Query = ForOneNode(query),
                IsCounted = isCounted,
                IsHeld = query.Limit > 0,
                IsRenewed = isRenewed,
            });
            var failure = await GatherAsync(gathering, deadline).ConfigureAwait(false);
            var outcome = failure ?? (gathering.IsWhole ? gathering.ToPage(query) : null);
            if (outcome is PageOutcome.Page { Next: not null } page)
                return await KeepAsync(page, deadline).ConfigureAwait(false);
            Release(gathering.Request.Snapshot);
            if (outcome is not null)
                return outcome;
            await Task.Delay(Pause, time, deadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return new PageOutcome.TimedOut();
    }

    /// <summary>A page of a snapshot that is kept; with the last one it is let go of.</summary>
    public ValueTask<PageOutcome> NextAsync(ulong snapshot, ScanQuery query, CancellationToken deadline) =>
        NextAsync(snapshot, query, PinFate.Released, deadline);

    /// <summary>A page of a snapshot that is kept.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="query">Which keys.</param>
    /// <param name="atEnd">What becomes of it with the last page.</param>
    /// <param name="deadline">Cancelled when the caller's deadline passes.</param>
    public async ValueTask<PageOutcome> NextAsync(
        ulong snapshot, ScanQuery query, PinFate atEnd, CancellationToken deadline)
    {
        var began = time.GetTimestamp();
        while (!deadline.IsCancellationRequested)
        {
            var asked = ForOneNode(query);
            var answers = peers.Others.Select(peer => peers.ScanAsync(peer, snapshot, asked, deadline)).ToList();
            var parts = new List<ScanOutcome> { own.Scan(snapshot, asked) };
            var isMissing = false;
            foreach (var answer in answers)
            {
                if (await answer.ConfigureAwait(false) is { } part)
                    parts.Add(part);
                else
                    isMissing = true;
            }

            if (Positions([.. parts.SelectMany(part => part.Pinned)]) is { } positions)
            {
                var page = PageOf(snapshot, positions, [.. parts.Select(part => part.Part)], query, count: null);
                if (page.Next is null)
                    Settle(snapshot, atEnd);
                return page;
            }

            if (!isMissing || time.GetElapsedTime(began) >= Patience)
                return new PageOutcome.Gone();
            await Task.Delay(Pause, time, deadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return new PageOutcome.TimedOut();
    }

    /// <summary>Has every node let go of a snapshot; waits for none of them.</summary>
    public void Release(ulong snapshot) => Settle(snapshot, PinFate.Released);

    private void Settle(ulong snapshot, PinFate fate)
    {
        own.Settle(snapshot, fate);
        foreach (var peer in peers.Others)
            _ = SettleAsync(peer, snapshot, fate);
    }

    private async Task SettleAsync(NodeId peer, ulong snapshot, PinFate fate)
    {
        using var patience = new CancellationTokenSource(SettlePatience, time);
        await peers.SettleAsync(peer, snapshot, fate, patience.Token).ConfigureAwait(false);
    }

    /// <summary>Has every node keep what it pinned: only then somebody may be told how to read on.</summary>
    private async ValueTask<PageOutcome> KeepAsync(PageOutcome.Page page, CancellationToken deadline)
    {
        var answers = peers.Others
            .Select(peer => peers.SettleAsync(peer, page.Snapshot, PinFate.Kept, deadline)).ToList();
        var isKept = own.Settle(page.Snapshot, PinFate.Kept);
        foreach (var answer in answers)
            isKept &= await answer.ConfigureAwait(false) is not false;
        if (isKept)
            return page;
        Release(page.Snapshot);
        return new PageOutcome.TooMany();
    }

    /// <summary>Asks until every partition's primary has answered.</summary>
    /// <returns>Null: it did, or another snapshot must be begun; else why not.</returns>
    private async ValueTask<PageOutcome?> GatherAsync(Gathering gathering, CancellationToken deadline)
    {
        var searches = new Dictionary<PartitionId, PrimarySearch>();
        while (!gathering.IsWhole)
        {
            if (deadline.IsCancellationRequested)
                return new PageOutcome.TimedOut();
            var led = gathering.Missing.Where(part => here.ReadLocal(part) is { IsPrimary: true }).ToImmutableArray();
            var asked = gathering.Missing.Except(led)
                .GroupBy(partition => SearchFor(partition).Next(here.PrimaryOf(partition).Primary))
                .Select(group => peers.PinAsync(
                    group.Key, gathering.Request with { Partitions = [.. group] }, deadline))
                .ToList();
            if (!led.IsEmpty)
                asked.Add(PinHereAsync(gathering.Request with { Partitions = led }, deadline));
            await Task.WhenAll(asked).ConfigureAwait(false);
            foreach (var outcome in asked.Select(pin => pin.Result))
            {
                if (outcome is null)
                    return null;    // who knows what it pinned, and others would pin it again
                if (outcome.IsBucketGone)
                    return new PageOutcome.BucketGone();
                if (outcome.IsOverloaded)
                    return new PageOutcome.Overloaded();
                gathering.Add(outcome);
                foreach (var (partition, hint) in outcome.Elsewhere)
                    SearchFor(partition).Hear(hint);
            }

            if (!gathering.IsWhole)
                await SearchFor(gathering.Missing.First()).PauseAsync(deadline).ConfigureAwait(false);
        }

        return null;

        PrimarySearch SearchFor(PartitionId partition) =>
            searches.TryGetValue(partition, out var known)
                ? known
                : searches[partition] = new PrimarySearch(here, partition, time);
    }

    private async Task<PinOutcome?> PinHereAsync(PinRequest request, CancellationToken deadline)
    {
        try
        {
            return await own.PinAsync(request, deadline).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>What one node is asked for: keys are spread evenly, so that each has its share of a page.</summary>
    private ScanQuery ForOneNode(ScanQuery query) =>
        query with { MaxBytes = Math.Max(MinPartBytes, query.MaxBytes / here.View!.Members.Length) };

    /// <summary>Null: not every partition is there, or one is there twice.</summary>
    private ImmutableArray<LogIndex>? Positions(ImmutableArray<PinnedPartition> pinned)
    {
        var positions = new LogIndex?[here.View!.Ring.PartitionCount];
        foreach (var (partition, index) in pinned)
        {
            if ((uint)partition.Value >= (uint)positions.Length || positions[partition.Value] is not null)
                return null;
            positions[partition.Value] = index;
        }

        return positions.Contains(null) ? null : [.. positions.Select(index => index!.Value)];
    }

    private static PageOutcome.Page PageOf(
        ulong snapshot,
        ImmutableArray<LogIndex> positions,
        ImmutableArray<ScanPart> parts,
        ScanQuery query,
        long? count)
    {
        var merged = PartitionScan.Take(
            PartitionScan.InOrder(parts.Select(part => part.ToMerge()), query.IsDescending), query);
        var next = merged.IsComplete || merged.Items.IsEmpty ? null : query.After(merged.Items[^1]);
        return new PageOutcome.Page(snapshot, positions, merged.Items, next, count);
    }

    /// <summary>What the nodes have pinned so far of a snapshot.</summary>
    private sealed class Gathering(int partitions, PinRequest request)
    {
        private readonly LogIndex?[] _positions = new LogIndex?[partitions];
        private readonly List<ScanPart> _parts = [];
        private long _count;

        public PinRequest Request => request;

        public IEnumerable<PartitionId> Missing => _positions.Index()
            .Where(place => place.Item is null)
            .Select(place => new PartitionId(place.Index));

        public bool IsWhole => !_positions.Contains(null);

        public void Add(PinOutcome outcome)
        {
            foreach (var (partition, index) in outcome.Pinned)
                _positions[partition.Value] = index;
            _parts.Add(outcome.Part);
            _count += outcome.Count;
        }

        public PageOutcome.Page ToPage(ScanQuery query) => PageOf(
            request.Snapshot,
            [.. _positions.Select(index => index!.Value)],
            [.. _parts],
            query,
            request.IsCounted ? _count : null);
    }
}
