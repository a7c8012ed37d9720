using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>
/// Where all partitions of the cluster are: for each a position that contains every write that was acknowledged before
/// it was asked for. All who wait for one share it.
/// </summary>
internal sealed class ClusterPositions
{
    private static readonly TimeSpan ReadPatience = TimeSpan.FromSeconds(5);

    private readonly IPartitions _here;
    private readonly IHistoryPeers _peers;
    private readonly TimeProvider _time;
    private readonly SharedRead<long[]> _read;

    public ClusterPositions(IPartitions here, IHistoryPeers peers, TimeProvider time)
    {
        _here = here;
        _peers = peers;
        _time = time;
        _read = new SharedRead<long[]>(ReadNextAsync, time);
    }

    /// <summary>By partition; the reading begins after the call.</summary>
    /// <returns>Null when not every partition had a primary that confirmed itself in time.</returns>
    public ValueTask<long[]?> ReadAsync(CancellationToken deadline) => _read.ReadAsync(deadline);

    private async Task<long[]?> ReadNextAsync()
    {
        if (_here.View is not { } view)
            return null;
        using var patience = new CancellationTokenSource(ReadPatience, _time);
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
        var own = missing.Where(partition => _here.ReadLocal(partition) is { IsPrimary: true }).ToImmutableArray();
        var asked = missing.Except(own)
            .GroupBy(partition => SearchFor(reading, partition).Next(_here.PrimaryOf(partition).Primary))
            .Where(group => group.Key != NodeId.None)
            .Select(group => _peers.ReadPositionsAsync(group.Key, [.. group], deadline))
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
            .Select(partition => DueReads.ReadSettledAsync(_here, partition, deadline).AsTask())
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
            : reading.Searches[partition] = new PrimarySearch(_here, partition, _time);

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
