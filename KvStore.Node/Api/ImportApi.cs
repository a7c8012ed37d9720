using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Node.Buckets;
using KvStore.Node.Replication;
using KvStore.Node.Transactions;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Api;

/// <summary>
/// Imports: the lines of an export, stored by any node. Each entry is a write of its own, so that an import is neither
/// atomic nor remembered; it may be sent again, whole or from the first line that is not done with.
/// </summary>
internal sealed class ImportApi(
    BucketDirectory directory,
    ClusterBatches batches,
    IPartitions partitions,
    INodeStatus node,
    Problems problems,
    AdmissionGate gate,
    CrashHook crash,
    HopIds ids,
    IOptions<ApiOptions> options,
    TimeProvider time,
    ILogger<ImportApi> logger)
{
    /// <summary>Answers an import.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        try
        {
            if (await HandleAsync(context) is { } refusal)
                await problems.WriteAsync(context, refusal with { ClosesConnection = true }, default);
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
        catch (Exception failure) when (failure is not OutOfMemoryException && !context.Response.HasStarted)
        {
            logger.RequestFailed(problems.TraceId(), context.Request.Method, failure);
            await problems.WriteAsync(context, Problems.Internal(isWrite: true), default);
        }
    }

    /// <returns>Null when the request was answered; else why not, with the rest of the body unread.</returns>
    private async ValueTask<Refusal?> HandleAsync(HttpContext context)
    {
        if (ImportCall.Read(context, options.Value.DefaultTimeout, out var call) is { } unread)
            return unread;
        if (node.IsStopping)
            return Problems.Draining;
        var bytes = ImportRun.BytesHeld(options.Value);
        if (!gate.TryEnter(bytes))
            return Problems.Overloaded;
        try
        {
            var (run, refusal) = await OpenAsync(call, context.RequestAborted);
            if (run is null)
                return refusal;
            if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
                limit.MaxRequestBodySize = null;
            refusal = await run.RunAsync(
                context.Request.Body, options.Value, () => node.IsStopping, time, context.RequestAborted);
            if (refusal is not null)
                return EndedBy(refusal, run.SoFar);
            await SendAsync(context, run.SoFar);
            return null;
        }
        finally
        {
            gate.Leave(bytes);
        }
    }

    /// <summary>
    /// Finds the bucket as it is now, and not as this node knows it: one that is found to be dropped later was dropped
    /// during the import.
    /// </summary>
    private async ValueTask<(ImportRun? Run, Refusal? Refusal)> OpenAsync(ImportCall call, CancellationToken aborted)
    {
        using var timer = new CancellationTokenSource(call.Timeout, time);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, aborted);
        if (partitions.View is null)
            await partitions.ViewReadyAsync(deadline.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (partitions.View is not { } view)
            return (null, Problems.NotReady);
        var lookup = await directory.FindAnewAsync(call.Bucket, deadline.Token);
        if (lookup is not BucketLookup.Found { Bucket: var bucket })
            return (null, lookup is BucketLookup.Absent ? Problems.BucketNotFound : Problems.BucketsUnreached);
        var rules = new OperationRules(view.ClusterId, bucket, options.Value.MaxValueBytes);
        return bucket.Settings.RequireConditionalWrites is true && !call.IsCreate
            ? (null, new Refusal(
                ProblemType.PreconditionRequired,
                "This bucket takes conditional writes only: import with mode=create. Nothing was applied."))
            : (new ImportRun(call, rules, view, batches, partitions, ids), null);
    }

    private static Refusal EndedBy(Refusal refusal, ImportResponse soFar) => refusal with
    {
        Detail = $"{refusal.Detail} Lines to {soFar.Lines} are done; {soFar.Applied} entries were stored. Go on with "
            + "the next line, or send everything again.",
        Applied = refusal.Applied is Applied.Unknown ? Applied.Unknown : soFar.Applied > 0 ? Applied.Yes : Applied.No,
        Import = soFar,
    };

    private async ValueTask SendAsync(HttpContext context, ImportResponse answer)
    {
        var response = context.Response;
        var body = JsonSerializer.SerializeToUtf8Bytes(answer, ContractsJson.Default.ImportResponse);
        response.Headers.CacheControl = "no-cache";
        response.Headers[KvHeaders.ServedBy] = node.Name;
        response.Headers[KvHeaders.RequestId] = problems.TraceId();
        response.ContentType = MediaTypes.Json;
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, context.RequestAborted);
    }
}
