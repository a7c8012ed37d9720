using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Node.Replication;
using KvStore.Node.Watch;

namespace KvStore.Node.Api;

/// <summary>Reads that wait for a change: by the history of the copy that answers.</summary>
internal sealed partial class KeyValueApi
{
    /// <summary>A read that may wait is no request in progress: it holds a place among the watches.</summary>
    private async ValueTask<Refusal?> AdmitWaitAsync(HttpContext context, KeyRequest request)
    {
        using var place = watches.TryEnter();
        if (place is null)
            return Problems.TooManyWatches;
        request.StartedAt = time.GetTimestamp();
        using var deadline = new CancellationTokenSource(request.Timeout + request.Wait, time);
        return await DecideAsync(context, request, deadline);
    }

    /// <summary>Whether the reader has what is stored, and time to wait for something else.</summary>
    private bool MayWait(KeyRequest request, ReadOutcome.Ready ready, ulong clusterId) =>
        request.Wait > TimeSpan.Zero
        && request.WaitLeft(time) > TimeSpan.Zero
        && !watches.Draining.IsCancellationRequested
        && ready.Image.Find(request.BucketId, request.Key.Span) is { } found
        && request.IfNoneMatch is { IsAny: false } known
        && known.IsMetBy(clusterId, found.Version);

    /// <summary>
    /// Returns when something may have happened to the key since the state was read, or the wait is over: then it is
    /// read anew.
    /// </summary>
    private async ValueTask WaitForChangeAsync(
        KeyRequest request,
        ReadOutcome.Ready ready,
        PartitionId partition,
        CancellationToken gone,
        CancellationToken deadline)
    {
        await watches.KnownAsync(partition, deadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (deadline.IsCancellationRequested)
            return;
        long[] at = [.. watches.Positions];
        at[partition.Value] = ready.Image.Index.Value;
        var filter = new WatchFilter(request.BucketId, request.Key, WatchKinds.All) { IsOneKey = true };
        var watcher = new Watcher(filter, at);
        using var wait = new WatchWait(watches, watcher, time, gone);
        while (!wait.IsOver && request.WaitLeft(time) is var left && left > TimeSpan.Zero)
        {
            var reading = new WatchReading(watches, watcher);
            if (reading.Next() != WatchStep.NoMore)
                return;
            reading.Keep();
            await wait.ForNewsAsync(left);
        }

        gone.ThrowIfCancellationRequested();
    }

    private static void SayWaited(HttpContext context, KeyRequest request)
    {
        if (request.Wait <= TimeSpan.Zero)
            return;
        var asked = LongPoll.WaitIn(string.Join(',', context.Request.Headers[KvHeaders.Prefer].ToArray()));
        context.Response.Headers[KvHeaders.PreferenceApplied] = $"wait={(int)asked.TotalSeconds}";
    }
}
