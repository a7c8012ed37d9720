using KvStore.Node.Replication;
using KvStore.Node.Watch;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Api;

/// <summary>
/// The changes of a bucket as they happen: as a stream of events, or as one answer that waits for some. Any node
/// answers, from its own copies.
/// </summary>
internal sealed class WatchApi(
    WatchOpening opening,
    WatchDispatcher dispatcher,
    RequestShell shell,
    JsonAnswers answers,
    IPartitions partitions,
    INodeStatus node,
    IOptions<ApiOptions> api,
    IOptions<WatchOptions> options,
    TimeProvider time)
{
    /// <summary>Answers a request to watch.</summary>
    public Task AnswerAsync(HttpContext context) =>
        shell.RunAsync(context, operation: null, () => HandleAsync(context));

    private async ValueTask<Refusal?> HandleAsync(HttpContext context)
    {
        var bucket = context.GetRouteValue("bucket") as string ?? "";
        if (WatchCallReader.Read(context, bucket, api.Value.DefaultTimeout, out var call) is { } unread)
            return unread;
        if (node.IsStopping || dispatcher.Draining.IsCancellationRequested)
            return Problems.Draining;
        using var place = dispatcher.TryEnter();
        if (place is null)
            return Problems.TooManyWatches;
        var (watcher, refusal) = await shell.WithinAsync(
            context, call.Timeout, deadline => opening.OpenAsync(call, deadline));
        if (watcher is null)
            return refusal;
        var clusterId = partitions.View!.ClusterId;
        using var wait = new WatchWait(dispatcher, watcher, time, context.RequestAborted);
        answers.Begin(context);
        if (call.IsPoll)
            return await new WatchPoll(dispatcher, watcher, wait, call, clusterId, time).AnswerAsync(context);
        var longest = options.Value.LongestStream;
        await new WatchStream(dispatcher, watcher, wait, call, clusterId, longest, time).RunAsync(context);
        return null;
    }
}
