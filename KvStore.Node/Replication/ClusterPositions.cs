using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>
/// Where all partitions of the cluster are: for each a position that contains every write that was acknowledged before
/// it was asked for. All who wait for one share it.
/// </summary>
internal sealed class ClusterPositions(IPartitions here, IHistoryPeers peers, TimeProvider time)
{
    private static readonly TimeSpan ReadPatience = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private Task<long[]?>? _next;
    private Task _last = Task.CompletedTask;

    /// <summary>By partition; the reading begins after the call.</summary>
    /// <returns>Null when not every partition had a primary that confirmed itself in time.</returns>
    public async ValueTask<long[]?> ReadAsync(CancellationToken deadline)
    {
        Task<long[]?> read;
        lock (_gate)
        {
            _next ??= ReadNextAsync(_last);
            _last = read = _next;
        }

        try
        {
            return await read.WaitAsync(deadline).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task<long[]?> ReadNextAsync(Task before)
    {
        await before.ConfigureAwait(
            ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        lock (_gate)
            _next = null;    // who comes from now on needs one that begins later
        if (here.View is not { } view)
            return null;
        using var patience = new CancellationTokenSource(ReadPatience, time);
        var reading = new Reading(view.Ring.PartitionCount);
        while (!patience.IsCancellationRequested)
        {
            await AskAsync(reading, patience.Token).ConfigureAwait(false);
            if (reading.Missing.IsEmpty)
                return reading.Indexes;
            await SearchFor(reading, reading.Missing[0]).PauseAsync(patience.Token).ConfigureAwait(false);
        }

        return null;
    }

    private async Task AskAsync(Reading reading, CancellationToken deadline)
    {
        var missing = reading.Missing;
        var own = missing.Where(partition => here.ReadLocal(partition) is { IsPrimary: true }).ToImmutableArray();
        var asked = missing.Except(own)
            .GroupBy(partition => SearchFor(reading, partition).Next(here.PrimaryOf(partition).Primary))
            .Where(group => group.Key != NodeId.None)
            .Select(group => peers.ReadPositionsAsync(group.Key, [.. group], deadline))
            .Append(ConfirmHereAsync(own, deadline))
            .ToList();
        foreach (var answer in await Task.WhenAll(asked).ConfigureAwait(false))
        {
            foreach (var (partition, index) in answer.Positions)
            {
                if ((uint)partition.Value < (uint)reading.Indexes.Length)
                    reading.Indexes[partition.Value] = index;
            }

            foreach (var (partition, hint) in answer.Elsewhere)
                SearchFor(reading, partition).Hear(hint);
        }
    }

    private async Task<ConfirmedPositions> ConfirmHereAsync(
        ImmutableArray<PartitionId> partitions, CancellationToken deadline)
    {
        var reads = partitions
            .Select(partition => DueReads.ReadSettledAsync(here, partition, deadline).AsTask())
            .ToList();
        var outcomes = await Task.WhenAll(reads).ConfigureAwait(false);
        return new ConfirmedPositions(
            [
                .. partitions.Zip(outcomes)
                    .Where(read => read.Second is ReadOutcome.Ready)
                    .Select(read => (read.First, ((ReadOutcome.Ready)read.Second).Image.Index.Value)),
            ],
            []);
    }

    private PrimarySearch SearchFor(Reading reading, PartitionId partition) =>
        reading.Searches.TryGetValue(partition, out var known)
            ? known
            : reading.Searches[partition] = new PrimarySearch(here, partition, time);

    private sealed class Reading
    {
        public Reading(int partitions)
        {
            Indexes = new long[partitions];
            Array.Fill(Indexes, ChangeHistory.NothingKnown);
        }

        public long[] Indexes { get; }

        public Dictionary<PartitionId, PrimarySearch> Searches { get; } = [];

        public ImmutableArray<PartitionId> Missing =>
        [
            .. Indexes.Index()
                .Where(place => place.Item == ChangeHistory.NothingKnown)
                .Select(place => new PartitionId(place.Index)),
        ];
    }
}
