using KvStore.Contracts;
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
    RequestShell shell,
    JsonAnswers answers,
    BucketDirectory directory,
    ClusterBatches batches,
    IPartitions partitions,
    INodeStatus node,
    HopIds ids,
    IOptions<ApiOptions> options,
    TimeProvider time)
{
    /// <summary>Answers an import. What refuses it leaves the rest of the body unread.</summary>
    public Task AnswerAsync(HttpContext context) => shell.RunAsync(
        context,
        "import",
        async () => await HandleAsync(context) is { } refusal ? refusal with { ClosesConnection = true } : null);

    /// <returns>Null when the request was answered.</returns>
    private async ValueTask<Refusal?> HandleAsync(HttpContext context)
    {
        if (ImportCall.Read(context, options.Value.DefaultTimeout, out var call) is { } unread)
            return unread;
        return node.IsStopping
            ? Problems.Draining
            : await shell.AdmitAsync(
                context, ImportRun.BytesHeld(options.Value), () => ImportAsync(context, call), isLong: true);
    }

    private async ValueTask<Refusal?> ImportAsync(HttpContext context, ImportCall call)
    {
        var (run, refusal) = await shell.WithinAsync(context, call.Timeout, deadline => OpenAsync(call, deadline));
        if (run is null)
            return refusal;
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = null;
        refusal = await run.RunAsync(
            context.Request.Body, options.Value, () => node.IsStopping, context.RequestAborted);
        if (refusal is not null)
            return EndedBy(refusal, run.SoFar);
        await answers.SendAsync(context, run.SoFar, ContractsJson.Default.ImportResponse);
        return null;
    }

    /// <summary>
    /// Finds the bucket as it is now, and not as this node knows it: one that is found to be dropped later was dropped
    /// during the import.
    /// </summary>
    private async ValueTask<(ImportRun? Run, Refusal? Refusal)> OpenAsync(ImportCall call, CancellationToken deadline)
    {
        if (await shell.ViewAsync(deadline) is not { } view)
            return (null, Problems.NotReady);
        var lookup = await directory.FindAnewAsync(call.Bucket, deadline);
        if (lookup is not BucketLookup.Found { Bucket: var bucket })
            return (null, Problems.From(lookup));
        var rules = new OperationRules(view.ClusterId, bucket, options.Value.MaxValueBytes);
        return bucket.Settings.RequireConditionalWrites is true && !call.IsCreate
            ? (null, new Refusal(
                ProblemType.PreconditionRequired,
                "This bucket takes conditional writes only: import with mode=create. Nothing was applied."))
            : (new ImportRun(call, rules, view, batches, partitions, ids, time), null);
    }

    private static Refusal EndedBy(Refusal refusal, ImportResponse soFar) => refusal with
    {
        Detail = $"{refusal.Detail} Lines to {soFar.Lines} are done; {soFar.Applied} entries were stored. Go on with "
            + "the next line, or send everything again.",
        Applied = refusal.Applied is Applied.Unknown ? Applied.Unknown : soFar.Applied > 0 ? Applied.Yes : Applied.No,
        Import = soFar,
    };
}
