using System.Diagnostics;
using KvStore.Contracts;
using KvStore.Node.Buckets;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Api;

/// <summary>
/// Buckets and their settings. Every node answers, by asking the system group's primary where it is not it.
/// </summary>
internal sealed class BucketApi(
    BucketCallReader reader,
    RequestShell shell,
    JsonAnswers answers,
    BucketDirectory directory,
    BucketChanges changes,
    HopIds hopIds,
    IOptions<ApiOptions> options)
{
    private const int MaxBodyBytes = 4096;

    private static Refusal TooLarge { get; } =
        new(ProblemType.BodyInvalid, $"The settings of a bucket have at most {MaxBodyBytes} bytes.");

    /// <summary>Answers a request for all buckets or for one of them.</summary>
    public Task AnswerAsync(HttpContext context) => shell.RunAsync(context, "bucket", () => HandleAsync(context));

    private async ValueTask<Refusal?> HandleAsync(HttpContext context)
    {
        var name = context.GetRouteValue("bucket") as string ?? "";
        if (reader.Read(context, name, out var call) is { } unread)
            return unread;
        return await shell.AdmitAsync(context, MaxBodyBytes, async () =>
            await ReadBodyAsync(context, call)
                ?? await shell.WithinAsync(
                    context, call.Timeout, deadline => CarryOutAsync(context, call, deadline)));
    }

    private async ValueTask<Refusal?> CarryOutAsync(HttpContext context, BucketCall call, CancellationToken deadline) =>
        await shell.ViewAsync(deadline) is not { ClusterId: var clusterId } ? Problems.NotReady
        : !RequestShell.IsRead(context.Request) ? await ChangeAsync(context, call, clusterId, deadline)
        : call.Name.Length == 0 ? await ListAsync(context, call, deadline)
        : await DescribeAsync(context, call, clusterId, deadline);

    private async ValueTask<Refusal?> ListAsync(HttpContext context, BucketCall call, CancellationToken deadline)
    {
        if (await directory.ReadAsync(deadline) is not { } catalog)
            return Problems.BucketsUnreached;
        var page = catalog.Live
            .SkipWhile(bucket => call.After is { } after && string.CompareOrdinal(bucket.Name, after) <= 0)
            .Take(call.Limit + 1)
            .ToList();
        var isLast = page.Count <= call.Limit;
        var answer = new BucketListResponse(
            [.. page.Take(call.Limit).Select(Describe)], isLast ? null : page[call.Limit - 1].Name);
        await answers.SendAsync(context, answer, ContractsJson.Default.BucketListResponse);
        return null;
    }

    private async ValueTask<Refusal?> DescribeAsync(
        HttpContext context, BucketCall call, ulong clusterId, CancellationToken deadline)
    {
        var lookup = await directory.FindAnewAsync(call.Name, deadline);
        if (lookup is not BucketLookup.Found { Bucket: var bucket })
            return Problems.From(lookup);
        var tag = bucket.EtagIn(clusterId);
        if (call.IfMatch is { } match && !IsMet(match, tag))
            return Problems.BucketMismatch(bucket, clusterId);
        context.Response.Headers.ETag = EtagFormat.Format(tag);
        if (call.IfNoneMatch is { } noneMatch && IsMet(noneMatch, tag))
        {
            answers.Begin(context, StatusCodes.Status304NotModified);
            return null;
        }

        await answers.SendAsync(context, Describe(bucket), ContractsJson.Default.BucketResponse);
        return null;
    }

    private async ValueTask<Refusal?> ChangeAsync(
        HttpContext context, BucketCall call, ulong clusterId, CancellationToken deadline)
    {
        if (Prepare(context.Request, call, out var change) is { } refused)
            return refused;
        var outcome = await changes.MakeAsync(change!, deadline);
        if (outcome is not BucketOutcome.Done done)
            return Problems.From(outcome, clusterId);
        var bucket = done.Bucket;
        if (done.IsReplay && call.IdempotencyKey is not null)
            context.Response.Headers[KvHeaders.IdempotencyReplayed] = "true";
        if (done.Kind is BucketChangeKind.Dropped)
        {
            answers.Begin(context, StatusCodes.Status204NoContent);
            return null;
        }

        context.Response.Headers.ETag = EtagFormat.Format(bucket.EtagIn(clusterId));
        var isNew = done.Kind is BucketChangeKind.Created;
        if (isNew)
            context.Response.Headers.Location = $"{Routes.Buckets}/{bucket.Name}";
        await answers.SendAsync(
            context,
            Describe(bucket),
            ContractsJson.Default.BucketResponse,
            isNew ? StatusCodes.Status201Created : StatusCodes.Status200OK);
        return null;
    }

    private Refusal? Prepare(HttpRequest request, BucketCall call, out BucketChange? change)
    {
        change = null;
        var apply = (BucketSettings settings) => settings;
        if (!call.Body.IsEmpty
            && BucketSettingsReader.Read(call.Body, options.Value.MaxValueBytes, out apply) is { } wrong)
            return new Refusal(ProblemType.BodyInvalid, wrong + " Nothing was applied.");
        if (request.Method is "PATCH" && call.Body.IsEmpty)
            return new Refusal(ProblemType.BodyInvalid, "PATCH needs a body: a JSON merge patch of the settings.");
        var id = RequestIds.Of(call.IdempotencyKey, call.HopRequestId ?? hopIds.Next())!.Value;
        var (print, isCreateOnly) = (call.PrintOf(request), call.IfNoneMatch is not null);
        change = request.Method switch
        {
            "PUT" => new BucketChange.Put(apply(new BucketSettings()))
            {
                Name = call.Name,
                RequestId = id,
                Print = print,
                IfMatch = call.IfMatch,
                IsCreateOnly = isCreateOnly,
            },
            "PATCH" => new BucketChange.Patch(apply)
            {
                Name = call.Name,
                RequestId = id,
                Print = print,
                IfMatch = call.IfMatch,
                IsCreateOnly = isCreateOnly,
            },
            "DELETE" => new BucketChange.Drop
            {
                Name = call.Name,
                RequestId = id,
                Print = print,
                IfMatch = call.IfMatch,
                IsCreateOnly = isCreateOnly,
            },
            var other => throw new UnreachableException($"No route lets {other} come here."),
        };
        return null;
    }

    private static async ValueTask<Refusal?> ReadBodyAsync(HttpContext context, BucketCall call)
    {
        var request = context.Request;
        if (request.Method is not ("PUT" or "PATCH"))
            return BodyReader.RefuseAny(request, "Of requests for buckets, only PUT and PATCH take a body.");
        if (!BodyReader.IsSent(request))
            return null;
        if (BodyReader.Refuse(request, MaxBodyBytes, TooLarge) is { } refused)
            return refused;
        var type = request.Method is "PATCH" ? KvMediaTypes.MergePatch : MediaTypes.Json;
        if (!MediaTypes.Is(request.ContentType, type))
        {
            return new Refusal(ProblemType.UnsupportedMediaType, $"{request.Method} takes Content-Type: {type}.")
            {
                ClosesConnection = true,
            };
        }

        (call.Body, var unread) = await BodyReader.ReadAsync(context, MaxBodyBytes, TooLarge);
        return unread;
    }

    private static bool IsMet(EtagCondition condition, Etag tag) => condition.IsAny || condition.Tags.Contains(tag);

    private static BucketResponse Describe(Bucket bucket) => new(bucket.Name, bucket.Id.Value, bucket.Settings);
}
