using System.Text.Json.Serialization.Metadata;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Node.Replication;
using Microsoft.AspNetCore.Http.Features;

namespace KvStore.Node.Api;

/// <summary>
/// Many keys of a bucket: lists of them, and their removal. Every node answers, with what all partitions have.
/// </summary>
internal sealed partial class KeysApi(
    KeysCallReader reader,
    RequestShell shell,
    JsonAnswers answers,
    ClusterSnapshots snapshots,
    RangeRemoval removal,
    LongOperations operations,
    INodeStatus node)
{
    private const string Vary = "Accept, Kv-Consistency, Authorization";

    /// <summary>Answers a request for many keys.</summary>
    public Task AnswerAsync(HttpContext context, KeyTarget.Collection target) =>
        shell.RunAsync(context, NameOf(context.Request.Method), () => HandleAsync(context, target));

    /// <summary>Answers a request for an export.</summary>
    public Task AnswerExportAsync(HttpContext context) =>
        shell.RunAsync(context, "export", () => HandleExportAsync(context));

    private static string NameOf(string method) => method is "DELETE" ? "remove" : "list";

    /// <returns>Null when the request was answered.</returns>
    private async ValueTask<Refusal?> HandleAsync(HttpContext context, KeyTarget.Collection target)
    {
        var method = context.Request.Method;
        if (method is "OPTIONS")
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            context.Response.Headers.Allow = Routes.KeysMethods;
            return null;
        }

        if (method is not ("GET" or "HEAD" or "DELETE"))
        {
            return new Refusal(
                ProblemType.MethodNotAllowed, "All keys of a bucket take the methods that Allow lists.")
            {
                Allow = Routes.KeysMethods,
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

    private ValueTask<Refusal?> AdmitAsync(HttpContext context, KeysCall call) =>
        shell.AdmitAsync(
            context,
            call.BytesHeld,
            () => shell.WithinAsync(
                context,
                call.Timeout,
                deadline => shell.InBucketAsync(
                    call.Bucket,
                    (view, bucket) => context.Request.Method is "DELETE"
                        ? RemoveAsync(context, call, bucket.Id, deadline)
                        : ListAsync(context, call, bucket.Id, view.ClusterId, deadline),
                    deadline)),
            isLong: call.IsStreamed);

    private async ValueTask<Refusal?> RemoveAsync(
        HttpContext context, KeysCall call, BucketId bucket, CancellationToken deadline)
    {
        var query = call.ToQuery(KeysCall.MaxLimit);
        var (begun, outcome) = call.Confirmed is { } expected
            ? await removal.BeginAsync(bucket, query, expected, deadline)
            : (null, await removal.CountAsync(bucket, query, deadline));
        if (begun?.Progress.Total > RangeRemoval.MaxAwaited)
            return await RemoveLaterAsync(context, call, begun);
        switch (outcome ?? await removal.RemoveAsync(begun!, deadline))
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
            case var refused:
                return Problems.From(refused);
        }
    }

    /// <summary>Nobody waits for so many: they go one page after the other, and the operation tells how many.</summary>
    private async ValueTask<Refusal?> RemoveLaterAsync(HttpContext context, KeysCall call, Removal begun)
    {
        var operation = operations.TryStart("range-delete", call.Bucket, begun.Progress, async ends =>
            Problems.From(await removal.RemoveAllAsync(begun, ends)));
        if (operation is null)
        {
            removal.Abandon(begun);
            return Problems.TooManyOperations;
        }

        context.Response.Headers.Location = Routes.Operation.Replace("{id}", operation.Id, StringComparison.Ordinal);
        await SendAsync(
            context,
            operation.Describe(),
            ContractsJson.Default.OperationResponse,
            StatusCodes.Status202Accepted);
        return null;
    }

    private ValueTask SendAsync<T>(
        HttpContext context, T answer, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK)
    {
        context.Response.Headers.Vary = Vary;
        return answers.SendAsync(context, answer, type, status);
    }
}
