using KvStore.Contracts;
using KvStore.Node.Buckets;
using KvStore.Node.Replication;
using KvStore.Node.Watch;
using Microsoft.AspNetCore.Http.Features;

namespace KvStore.Node.Api;

/// <summary>
/// Answers requests for keys, before routing and from the raw target: what routing decodes and normalises would give
/// two keys one name. Everything else goes on to <paramref name="next"/>.
/// </summary>
internal sealed partial class KeyValueApi(
    RequestDelegate next,
    RequestReader reader,
    BodyReader bodies,
    KeyAnswers answers,
    RequestShell shell,
    IPartitions partitions,
    BucketDirectory directory,
    PrimaryForwarder forwarder,
    KeysApi keys,
    WatchDispatcher watches,
    TimeProvider time)
{
    /// <summary>Takes one request.</summary>
    public Task InvokeAsync(HttpContext context) =>
        KeyPath.Parse(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget) switch
        {
            KeyTarget.Key key => AnswerAsync(context, key),
            KeyTarget.Collection all when context.Request.Method is "POST" =>
                AnswerAsync(context, NewKeys.Choose(context.Request.Headers, all, time), isKeyChosen: true),
            KeyTarget.Collection all => keys.AnswerAsync(context, all),
            KeyTarget.Invalid when context.Request.Method is "CONNECT" =>
                RefuseAsync(context, RequestReader.NotAllowed("CONNECT")),
            KeyTarget.Invalid bad => RefuseAsync(context, new Refusal(bad.Problem, bad.Detail)),
            KeyTarget.OtherRoute when IsDisguised(context.Request.Path) => RefuseAsync(
                context,
                new Refusal(ProblemType.TargetInvalid, "The path must start with /v1 or /buckets, not encoded.")),
            _ => next(context),
        };

    /// <summary>Whether routing would see a path of keys where the target has none.</summary>
    private static bool IsDisguised(PathString path) =>
        path.StartsWithSegments(Routes.DefaultKeys) || path.StartsWithSegments(Routes.Buckets);

    private Task RefuseAsync(HttpContext context, Refusal refusal) =>
        shell.RunAsync(context, OperationOf(context.Request), () => ValueTask.FromResult<Refusal?>(refusal));

    private Task AnswerAsync(HttpContext context, KeyTarget.Key target, bool isKeyChosen = false) =>
        shell.RunAsync(
            context,
            OperationOf(context.Request),
            () => HandleAsync(context, target, isKeyChosen),
            target);

    /// <summary>What measurements call it; whatever a client may send as method, they are few words.</summary>
    private static string OperationOf(HttpRequest request) => request.Method switch
    {
        "GET" when request.Headers.ContainsKey(KvHeaders.Prefer)
            && LongPoll.WaitIn(request.Headers[KvHeaders.Prefer].ToString()) > TimeSpan.Zero => "wait",
        "GET" or "HEAD" => "get",
        "PUT" or "POST" => "put",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "other",
    };

    /// <returns>Null when the request was answered.</returns>
    private async ValueTask<Refusal?> HandleAsync(HttpContext context, KeyTarget.Key target, bool isKeyChosen)
    {
        if (reader.Read(context, target, out var request) is { } unread)
            return unread;
        if (request!.Verb is Verb.Options)
            return KeyAnswers.Options(context);
        request.IsKeyChosen = isKeyChosen;
        if (isKeyChosen && NewKeys.Refuse(request) is { } keyless)
            return keyless;
        if (request.Wait > TimeSpan.Zero)
            return await AdmitWaitAsync(context, request);
        if (!request.HasBody)
            return await AdmitAsync(context, request, bytes: 0);
        return bodies.Refuse(context.Request, request.Form)
            ?? await AdmitAsync(context, request, context.Request.ContentLength ?? bodies.LimitFor(request.Form));
    }

    private ValueTask<Refusal?> AdmitAsync(HttpContext context, KeyRequest request, long bytes) =>
        shell.AdmitAsync(context, bytes, async () =>
        {
            if (request.HasBody && await ReadValueAsync(context, request) is { } unread)
                return unread;
            request.StartedAt = time.GetTimestamp();
            using var deadline = new CancellationTokenSource(request.Timeout, time);
            return await DecideAsync(context, request, deadline);
        });

    private async ValueTask<Refusal?> ReadValueAsync(HttpContext context, KeyRequest request)
    {
        request.BodyType = context.Request.ContentType;
        if ((BodyForms.RefuseType(request) ?? await bodies.ReadAsync(context, request)) is { } unread)
            return unread;
        context.Request.Headers.TryGetValue(KvHeaders.ContentDigest, out var digest);
        return ContentDigest.Verify(digest, request.Body.Span) ?? BodyForms.Read(request, bodies);
    }
}
