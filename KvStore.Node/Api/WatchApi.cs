using KvStore.Contracts;
using KvStore.Core.Primitives;
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
    IPartitions partitions,
    INodeStatus node,
    Problems problems,
    CrashHook crash,
    IOptions<ApiOptions> api,
    IOptions<WatchOptions> options,
    TimeProvider time,
    ILogger<WatchApi> logger)
{
    /// <summary>Answers a request to watch.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        try
        {
            if (await HandleAsync(context) is { } refusal)
                await problems.WriteAsync(context, refusal, default);
        }
        catch (InvariantBrokenException broken)
        {
            logger.InvariantBroken(problems.TraceId(), context.Request.Method, broken);
            crash.Crash(broken);
            throw;
        }
        catch (Exception lost) when (context.RequestAborted.IsCancellationRequested || lost is IOException)
        {
            context.Abort();
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            logger.RequestFailed(problems.TraceId(), context.Request.Method, failure);
            if (context.Response.HasStarted)
                context.Abort();
            else
                await problems.WriteAsync(context, Problems.Internal(isWrite: false), default);
        }
    }

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
        var (watcher, refusal) = await OpenAsync(call, context.RequestAborted);
        if (watcher is null)
            return refusal;
        var clusterId = partitions.View!.ClusterId;
        using var wait = new WatchWait(dispatcher, watcher, time, context.RequestAborted);
        SetHeaders(context.Response.Headers);
        if (call.IsPoll)
            return await new WatchPoll(dispatcher, watcher, wait, call, clusterId, time).AnswerAsync(context);
        var longest = options.Value.LongestStream;
        await new WatchStream(dispatcher, watcher, wait, call, clusterId, longest, time).RunAsync(context);
        return null;
    }

    private async ValueTask<(Watcher? Watcher, Refusal? Refusal)> OpenAsync(WatchCall call, CancellationToken gone)
    {
        using var timer = new CancellationTokenSource(call.Timeout, time);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, gone);
        return await opening.OpenAsync(call, deadline.Token);
    }

    private void SetHeaders(IHeaderDictionary headers)
    {
        headers.CacheControl = "no-cache";
        headers[KvHeaders.ServedBy] = node.Name;
        headers[KvHeaders.RequestId] = problems.TraceId();
    }
}
