using KvStore.Contracts;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Node.Buckets;
using KvStore.Node.Replication;
using KvStore.Node.Telemetry;

namespace KvStore.Node.Api;

/// <summary>
/// What is the same around every request: it is counted, let in, given a deadline and a bucket, and whatever becomes of
/// it, it gets one whole answer or a cut connection.
/// </summary>
internal sealed class RequestShell(
    IPartitions partitions,
    BucketDirectory directory,
    AdmissionGate gate,
    Problems problems,
    RequestCount requests,
    CrashHook crash,
    TimeProvider time,
    ILogger<RequestShell> logger)
{
    /// <summary>Answers a request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="operation">What is asked for, of a few words; null: how long it takes says nothing.</param>
    /// <param name="handle">Answers it, or gives why not.</param>
    /// <param name="target">The key, if the request named one.</param>
    public async Task RunAsync(
        HttpContext context, string? operation, Func<ValueTask<Refusal?>> handle, KeyTarget.Key? target = null)
    {
        requests.Add();
        var measured = NodeMetrics.AreOperationsMeasured ? operation : null;
        var startedAt = measured is null ? 0 : time.GetTimestamp();
        Refusal? refusal = null;
        try
        {
            refusal = await handle();
            if (refusal is not null)
                await RefuseAsync(context, refusal, target);
        }
        catch (InvariantBrokenException broken)
        {
            logger.InvariantBroken(problems.IdOf(context), context.Request.Method, broken);
            crash.Crash(broken);
            throw;
        }
        catch (Exception lost) when (
            context.RequestAborted.IsCancellationRequested || (lost is IOException && context.Response.HasStarted))
        {
            context.Abort();    // the client is gone
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            logger.RequestFailed(problems.IdOf(context), context.Request.Method, failure);
            refusal = Problems.Internal(isWrite: !IsRead(context.Request));
            await RefuseAsync(context, refusal, target);
        }

        if (measured is not null)
            Measure(context, measured, refusal, startedAt);
    }

    /// <summary>Does something while the request holds a place and so many bytes, or refuses it at once.</summary>
    /// <param name="context">The request.</param>
    /// <param name="bytes">How many it holds.</param>
    /// <param name="act">What.</param>
    /// <param name="isLong">Whether it lasts as long as its client likes.</param>
    public async ValueTask<Refusal?> AdmitAsync(
        HttpContext context, long bytes, Func<ValueTask<Refusal?>> act, bool isLong = false)
    {
        if (!gate.TryEnter(bytes, isLong))
            return Problems.Overloaded with { ClosesConnection = BodyReader.IsSent(context.Request) };
        try
        {
            return await act();
        }
        finally
        {
            gate.Leave(bytes, isLong);
        }
    }

    /// <summary>Does something that ends with its time, or when the client is gone.</summary>
    public async ValueTask<T> WithinAsync<T>(
        HttpContext context, TimeSpan timeout, Func<CancellationToken, ValueTask<T>> act)
    {
        using var deadline = new CancellationTokenSource(timeout, time);
        using var gone = context.RequestAborted.UnsafeRegister(
            static source => ((CancellationTokenSource)source!).Cancel(), deadline);
        return await act(deadline.Token);
    }

    /// <summary>The view, waited for while the cluster forms; null: it did not form in time.</summary>
    public async ValueTask<ClusterView?> ViewAsync(CancellationToken deadline)
    {
        if (partitions.View is null)
            await partitions.ViewReadyAsync(deadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return partitions.View;
    }

    /// <summary>
    /// Finds the bucket and does something there; a second time, if there turns out to be another one of that name by
    /// now. Whoever says <see cref="Problems.BucketNotFound"/> has applied nothing.
    /// </summary>
    public async ValueTask<Refusal?> InBucketAsync(
        string name, Func<ClusterView, Bucket, ValueTask<Refusal?>> act, CancellationToken deadline)
    {
        if (await ViewAsync(deadline) is not { } view)
            return Problems.NotReady;
        var lookup = await directory.FindAsync(name, deadline);
        for (BucketId? gone = null; ; lookup = await directory.FindAnewAsync(name, deadline))
        {
            if (lookup is not BucketLookup.Found { Bucket: var bucket })
                return Problems.From(lookup);
            if (bucket.Id == gone)
                return Problems.BucketsUnreached;    // a partition knows of a drop that the catalog does not
            var refusal = await act(view, bucket);
            if (refusal != Problems.BucketNotFound || gone is not null)
                return refusal;
            gone = bucket.Id;
        }
    }

    /// <summary>Whether a request changes nothing by its method alone.</summary>
    public static bool IsRead(HttpRequest request) => request.Method is "GET" or "HEAD" or "OPTIONS";

    private ValueTask RefuseAsync(HttpContext context, Refusal refusal, KeyTarget.Key? target)
    {
        if (!context.Response.HasStarted)
            return problems.WriteAsync(context, refusal, target);
        context.Abort();    // a cut connection cannot be taken for a whole answer
        return ValueTask.CompletedTask;
    }

    private void Measure(HttpContext context, string operation, Refusal? refused, long startedAt)
    {
        context.Response.Headers.TryGetValue(KvHeaders.Consistency, out var level);
        NodeMetrics.OperationEnded(
            operation, OutcomeOf(context, refused), level is [var one] ? one : null, time.GetElapsedTime(startedAt));
    }

    private static string OutcomeOf(HttpContext context, Refusal? refused) =>
        refused is not null ? refused.Type.Code
        : context.RequestAborted.IsCancellationRequested ? "aborted"
        : context.Response.StatusCode >= StatusCodes.Status400BadRequest ? "refused"
        : "ok";
}

/// <summary>Counts the requests that were taken.</summary>
internal sealed class RequestCount
{
    private long _count;

    public long Count => Volatile.Read(ref _count);

    public void Add() => Interlocked.Increment(ref _count);
}
