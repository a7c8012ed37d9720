using System.Collections.Concurrent;
using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>Lets callers wait until a partition's believed primary changes.</summary>
internal sealed class PrimaryChanges
{
    private readonly ConcurrentDictionary<PartitionId, TaskCompletionSource> _next = [];

    public Task Next(PartitionId partition) => _next.GetOrAdd(
        partition, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    public void Announce(PartitionId partition)
    {
        if (_next.TryRemove(partition, out var waiting))
            waiting.TrySetResult();
    }
}
