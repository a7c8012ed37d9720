using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Node.Buckets;
using KvStore.Node.Replication;
using Microsoft.AspNetCore.Http.Features;

namespace KvStore.Node.Api;

/// <summary>
/// Many keys of a bucket: lists of them, and their removal. Every node answers, with what all partitions have.
/// </summary>
internal sealed partial class KeysApi(
    KeysCallReader reader,
    BucketDirectory directory,
    ClusterSnapshots snapshots,
    RangeRemoval removal,
    IPartitions partitions,
    INodeStatus node,
    Problems problems,
    AdmissionGate gate,
    RequestCount requests,
    CrashHook crash,
    TimeProvider time,
    ILogger<KeysApi> logger)
{
    /// <summary>The methods that all keys take.</summary>
    public const string Allowed = "GET, HEAD, DELETE, OPTIONS";

    private const string Vary = "Accept, Kv-Consistency, Authorization";

    /// <summary>Answers a request for many keys.</summary>
    public Task AnswerAsync(HttpContext context, KeyTarget.Collection target) =>
        AnswerAsync(context, () => HandleAsync(context, target));

    /// <summary>Answers a request for an export.</summary>
    public Task AnswerExportAsync(HttpContext context) => AnswerAsync(context, () => HandleExportAsync(context));

    private async Task AnswerAsync(HttpContext context, Func<ValueTask<Refusal?>> handle)
    {
        try
        {
            if (await handle() is { } refusal)
                await RefuseAsync(context, refusal);
        }
        catch (InvariantBrokenException broken)
        {
            logger.InvariantBroken(problems.TraceId(), context.Request.Method, broken);
            crash.Crash(broken);
            throw;
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            context.Abort();
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            logger.RequestFailed(problems.TraceId(), context.Request.Method, failure);
            await RefuseAsync(context, Problems.Internal(isWrite: context.Request.Method is "DELETE"));
        }
        finally
        {
            requests.Add();
        }
    }

    private ValueTask RefuseAsync(HttpContext context, Refusal refusal)
    {
        if (!context.Response.HasStarted)
            return problems.WriteAsync(context, refusal, target: null);
        context.Abort();    // a cut connection cannot be taken for a whole answer
        return ValueTask.CompletedTask;
    }

    /// <returns>Null when the request was answered.</returns>
    private async ValueTask<Refusal?> HandleAsync(HttpContext context, KeyTarget.Collection target)
    {
        var method = context.Request.Method;
        if (method is "OPTIONS")
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            context.Response.Headers.Allow = Allowed;
            return null;
        }

        if (method is not ("GET" or "HEAD" or "DELETE"))
        {
            return new Refusal(
                ProblemType.MethodNotAllowed, "All keys of a bucket take the methods that Allow lists.")
            {
                Allow = Allowed,
            };
        }

        return reader.Read(context, target, RawTargetOf(context), out var call) ?? await AdmitAsync(context, call);
    }

    private async ValueTask<Refusal?> HandleExportAsync(HttpContext context)
    {
        var bucket = context.GetRouteValue("bucket") as string ?? "";
        return reader.ReadExport(context, bucket, RawTargetOf(context), out var call)
            ?? await AdmitAsync(context, call);
    }

    private static string RawTargetOf(HttpContext context) =>
        context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;

    private async ValueTask<Refusal?> AdmitAsync(HttpContext context, KeysCall call)
    {
        var bytes = call.BytesHeld;
        if (!gate.TryEnter(bytes))
            return Problems.Overloaded;
        try
        {
            return await WithinAsync(call, deadline => DecideAsync(context, call, deadline), context.RequestAborted);
        }
        finally
        {
            gate.Leave(bytes);
        }
    }

    private async ValueTask<Refusal?> DecideAsync(HttpContext context, KeysCall call, CancellationToken deadline)
    {
        if (partitions.View is null)
            await partitions.ViewReadyAsync(deadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (partitions.View is not { ClusterId: var clusterId })
            return Problems.NotReady;
        var lookup = await directory.FindAsync(call.Bucket, deadline);
        for (var isAgain = false; ; isAgain = true)
        {
            if (lookup is not BucketLookup.Found { Bucket.Id: var bucket })
                return lookup is BucketLookup.Absent ? Problems.BucketNotFound : Problems.BucketsUnreached;
            var refusal = context.Request.Method is "DELETE"
                ? await RemoveAsync(context, call, bucket, deadline)
                : await ListAsync(context, call, bucket, clusterId, deadline);
            if (isAgain || refusal != Problems.BucketNotFound)
                return refusal;
            lookup = await directory.FindAnewAsync(call.Bucket, deadline);    // a partition knows of a drop
            if (lookup is BucketLookup.Found { Bucket.Id: var now } && now == bucket)
                return Problems.BucketsUnreached;
        }
    }

    private async ValueTask<Refusal?> RemoveAsync(
        HttpContext context, KeysCall call, BucketId bucket, CancellationToken deadline)
    {
        var query = call.ToQuery(KeysCall.MaxLimit);
        var outcome = call.Confirmed is { } expected
            ? await removal.RemoveAsync(bucket, query, expected, deadline)
            : await removal.CountAsync(bucket, query, deadline);
        switch (outcome)
        {
            case RemovalOutcome.Counted counted:
                await SendAsync(
                    context,
                    new RangeCountResponse(counted.Count, DryRun: true),
                    ContractsJson.Default.RangeCountResponse);
                return null;
            case RemovalOutcome.Done done:
                await SendAsync(
                    context,
                    new RangeDeleteResponse(done.Removed, done.Changed),
                    ContractsJson.Default.RangeDeleteResponse);
                return null;
            default:
                return Problems.From(outcome);
        }
    }

    /// <summary>Does something that has as long as the request may take.</summary>
    private async ValueTask<T> WithinAsync<T>(
        KeysCall call, Func<CancellationToken, ValueTask<T>> act, CancellationToken aborted)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        using var timer = new CancellationTokenSource(call.Timeout, time);
        using var passes = timer.Token.UnsafeRegister(
            static source => ((CancellationTokenSource)source!).Cancel(), deadline);
        return await act(deadline.Token);
    }

    private void SetHeaders(IHeaderDictionary headers)
    {
        headers.CacheControl = "no-cache";
        headers.Vary = Vary;
        headers[KvHeaders.ServedBy] = node.Name;
        headers[KvHeaders.RequestId] = problems.TraceId();
    }

    private ValueTask SendAsync<T>(HttpContext context, T answer, JsonTypeInfo<T> type)
    {
        SetHeaders(context.Response.Headers);
        return SendAsync(context, JsonSerializer.SerializeToUtf8Bytes(answer, type));
    }

    private static ValueTask SendAsync(HttpContext context, ReadOnlyMemory<byte> body)
    {
        context.Response.ContentType = MediaTypes.Json;
        context.Response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? ValueTask.CompletedTask
            : context.Response.Body.WriteAsync(body, context.RequestAborted);
    }
}
