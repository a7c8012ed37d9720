using System.Collections.Immutable;
using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.Ring;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Node.Transactions;

/// <summary>
/// Carries batches out: the operations of one partition are one command, or one read where nothing is written; the
/// partitions work at the same time.
/// </summary>
internal sealed class ClusterBatches(IClusterPartitions cluster)
{
    private const int PartitionsAtOnce = 16;

    /// <summary>Carries out one batch.</summary>
    /// <param name="batch">What.</param>
    /// <param name="ring">Says which key is where.</param>
    /// <param name="take">Told what each operation came to, in any order, by many at once.</param>
    /// <param name="deadline">Cancelled when the caller's deadline passes.</param>
    public async ValueTask RunAsync(
        Batch batch, HashRing ring, Action<int, BatchItem> take, CancellationToken deadline)
    {
        if (batch.IsUntilFailure)
        {
            await RunInOrderAsync(batch, ring, take, deadline).ConfigureAwait(false);
            return;
        }

        var byPartition = batch.Positions.GroupBy(at => ring.PartitionOf(batch.Operations[at].Key.Span).Value);
        await Parallel.ForEachAsync(
            byPartition,
            new ParallelOptions { MaxDegreeOfParallelism = PartitionsAtOnce },
            async (group, _) => await RunAsync(batch, new PartitionId(group.Key), [.. group], take, deadline)
                .ConfigureAwait(false)).ConfigureAwait(false);
    }

    private async ValueTask RunInOrderAsync(
        Batch batch, HashRing ring, Action<int, BatchItem> take, CancellationToken deadline)
    {
        var hasFailed = false;
        foreach (var at in batch.Positions)
        {
            if (hasFailed || batch.IsRefused(at))
            {
                hasFailed = true;
                if (!batch.IsRefused(at))
                    take(at, new BatchItem.NotAttempted());
                continue;
            }

            var partition = ring.PartitionOf(batch.Operations[at].Key.Span);
            BatchItem? told = null;
            var watch = (int place, BatchItem item) => take(place, told = item);
            if (batch.Operations[at] is Operation.Get)
                await ReadAsync(batch, partition, [at], watch, deadline).ConfigureAwait(false);
            else
                await WriteAsync(batch, partition, [at], run: at, watch, deadline).ConfigureAwait(false);
            hasFailed = told is not BatchItem.Answered
            {
                Result: { Status: not WriteStatus.NotFound, IsFailure: false },
            };
        }
    }

    /// <summary>What of a batch is of one partition: a read, or commands one after the other.</summary>
    private async ValueTask RunAsync(
        Batch batch,
        PartitionId partition,
        ImmutableArray<int> positions,
        Action<int, BatchItem> take,
        CancellationToken deadline)
    {
        if (positions.All(at => batch.Operations[at] is Operation.Get))
        {
            await ReadAsync(batch, partition, positions, take, deadline).ConfigureAwait(false);
            return;
        }

        var run = 0;
        var before = default(WriteOutcome);
        foreach (var positionsOfRun in RunsOf(batch, positions))
        {
            if (before is not null and not WriteOutcome.Committed)
            {
                // What came before may be applied at any time, and must not be after this.
                var why = before is WriteOutcome.Indeterminate ? new WriteOutcome.NotPrimary(NodeId.None) : before;
                foreach (var at in positionsOfRun)
                    take(at, new BatchItem.NotWritten(why));
                continue;
            }

            before = await WriteAsync(batch, partition, positionsOfRun, run++, take, deadline).ConfigureAwait(false);
        }
    }

    /// <summary>No key is written twice by one command, so a batch that does so is several.</summary>
    internal static IEnumerable<ImmutableArray<int>> RunsOf(Batch batch, ImmutableArray<int> positions)
    {
        var run = ImmutableArray.CreateBuilder<int>();
        var written = new HashSet<string>(StringComparer.Ordinal);
        foreach (var at in positions)
        {
            var operation = batch.Operations[at];
            var key = Encoding.UTF8.GetString(operation.Key.Span);
            if (operation is not Operation.Get && !written.Add(key))
            {
                yield return run.DrainToImmutable();
                written.Clear();
                written.Add(key);
            }

            run.Add(at);
        }

        yield return run.DrainToImmutable();
    }

    private async ValueTask ReadAsync(
        Batch batch,
        PartitionId partition,
        ImmutableArray<int> positions,
        Action<int, BatchItem> take,
        CancellationToken deadline)
    {
        var query = new KeysQuery(batch.Bucket, [.. positions.Select(at => batch.Operations[at].Key)]);
        var outcome = await cluster.ReadKeysAsync(partition, query, deadline).ConfigureAwait(false);
        for (var at = 0; at < positions.Length; at++)
        {
            take(positions[at], outcome is KeysOutcome.Read read
                ? new BatchItem.Answered(read.Items[at], IsReplay: false, read.Index)
                : new BatchItem.NotRead(outcome));
        }
    }

    /// <returns>What became of it.</returns>
    private async ValueTask<WriteOutcome> WriteAsync(
        Batch batch,
        PartitionId partition,
        ImmutableArray<int> positions,
        int run,
        Action<int, BatchItem> take,
        CancellationToken deadline)
    {
        var command = new Command.Batch
        {
            RequestId = batch.IdOf(partition, run),
            Bucket = batch.Bucket,
            Operations = [.. positions.Select(at => batch.Operations[at])],
        };
        var outcome = await cluster.WriteAsync(partition, command, deadline).ConfigureAwait(false);
        for (var at = 0; at < positions.Length; at++)
        {
            take(positions[at], outcome is WriteOutcome.Committed { Result: { Status: WriteStatus.Done } result } done
                ? new BatchItem.Answered(
                    result.Items[at], result.IsReplay, LogIndex.Max(done.Index, result.Version.Index))
                : new BatchItem.NotWritten(outcome));
        }

        return outcome;
    }
}

/// <summary>Some operations, each for itself.</summary>
/// <param name="Bucket">Where the keys are.</param>
/// <param name="Operations">As they were asked for; those that were refused already are not carried out.</param>
/// <param name="Refused">The places of those.</param>
/// <param name="IsUntilFailure">One after the other, and none after the first that fails.</param>
/// <param name="IdOf">The request id of the command for a partition, and which of those for it that is.</param>
internal sealed record Batch(
    BucketId Bucket,
    ImmutableArray<Operation> Operations,
    ImmutableHashSet<int> Refused,
    bool IsUntilFailure,
    Func<PartitionId, int, RequestId> IdOf)
{
    /// <summary>Whether it was refused before anything was carried out.</summary>
    public bool IsRefused(int at) => Refused.Contains(at);

    /// <summary>Those that are carried out; one after the other, those also that end it.</summary>
    public IEnumerable<int> Positions =>
        Enumerable.Range(0, Operations.Length).Where(at => IsUntilFailure || !IsRefused(at));
}
