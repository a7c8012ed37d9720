using System.Text;
using KvStore.Contracts;
using KvStore.Core.State;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Api;

/// <summary>A batch or a transaction, read but for what its body says.</summary>
internal sealed class ManyCall
{
    /// <summary>The bucket, the time that it may take, its names, its body.</summary>
    public required BucketCall Head { get; init; }

    /// <summary>Whether a batch is to end with the first operation that fails.</summary>
    public bool IsUntilFailure { get; init; }

    /// <summary>What its session saw; null when it said nothing of one.</summary>
    public SessionToken? Session { get; init; }

    /// <summary>Names it: a retry has the same.</summary>
    public required RequestId RequestId { get; init; }
}

/// <summary>
/// Reads batches and transactions: heads as strictly as those of keys, and bodies up to
/// <see cref="BodyLimits.MaxManyBytes"/>.
/// </summary>
internal sealed class ManyCallReader(IOptions<ApiOptions> options, HopIds hopIds)
{
    /// <summary>Reads everything but the body.</summary>
    /// <param name="context">The request.</param>
    /// <param name="isBatch">Else it is a transaction.</param>
    /// <param name="call">What was read.</param>
    /// <returns>Null when it was read; else why not.</returns>
    public Refusal? Read(HttpContext context, bool isBatch, out ManyCall? call)
    {
        call = null;
        var request = context.Request;
        var head = new BucketCall
        {
            Name = context.GetRouteValue("bucket") as string ?? "",
            Timeout = options.Value.DefaultTimeout,
        };
        if (!BucketName.IsValid(head.Name))
            return Problems.BucketInvalid;
        var isUntilFailure = false;
        SessionToken? session = null;
        var refusal = BucketCallReader.ReadHeaders(request.Headers, ref head)
            ?? ReadQuery(context, isBatch, ref head, ref isUntilFailure)
            ?? RefuseConditions(request.Headers)
            ?? ConsistencyReader.ReadSession(request.Headers[KvHeaders.Session], out session);
        if (refusal is not null)
            return refusal;
        call = new ManyCall
        {
            Head = head,
            IsUntilFailure = isUntilFailure,
            Session = session,
            RequestId = RequestIds.Of(head.IdempotencyKey, head.HopRequestId ?? hopIds.Next())!.Value,
        };
        return null;
    }

    /// <summary>Reads the whole body.</summary>
    /// <param name="context">The request.</param>
    /// <param name="call">Gets the body.</param>
    /// <param name="tooLarge">What is said of a body that is larger.</param>
    public static async ValueTask<Refusal?> ReadBodyAsync(HttpContext context, ManyCall call, ProblemType tooLarge)
    {
        var (request, limit) = (context.Request, BodyLimits.MaxManyBytes);
        var tooMuch = new Refusal(
            tooLarge, $"A batch or a transaction may have {BodyLimits.MaxManyBytes} bytes; nothing was applied.");
        if (BodyReader.Refuse(request, limit, tooMuch) is { } refused)
            return refused;
        if (!MediaTypes.IsJson(request.ContentType))
        {
            return new Refusal(
                ProblemType.UnsupportedMediaType, "A batch or a transaction takes Content-Type: application/json.")
            {
                ClosesConnection = true,
            };
        }

        (call.Head.Body, var unread) = await BodyReader.ReadAsync(context, limit, tooMuch);
        return unread;
    }

    private static Refusal? ReadQuery(
        HttpContext context, bool isBatch, ref BucketCall head, ref bool isUntilFailure)
    {
        var wrong = new Refusal(
            ProblemType.QueryInvalid,
            "The query takes timeout, and that of a batch stop_on_error (true or false), each once as name=value.");
        if (QueryPairs.Of(context) is not { } pairs)
            return wrong;
        foreach (var (name, bytes) in pairs)
        {
            var value = Encoding.UTF8.GetString(bytes);
            if (name is "timeout")
            {
                var header = context.Request.Headers[KvHeaders.Timeout];
                if (BucketCallReader.ReadTimeout(header, value, ref head) is { } refusal)
                    return refusal;
            }
            else if (name is "stop_on_error" && isBatch && value is "true" or "false")
            {
                isUntilFailure = value is "true";
            }
            else
            {
                return wrong;
            }
        }

        return null;
    }

    private static Refusal? RefuseConditions(IHeaderDictionary headers) =>
        headers.IfMatch.Count + headers.IfNoneMatch.Count == 0
            ? null
            : new Refusal(
                ProblemType.ConditionInvalid,
                "A batch or a transaction takes its conditions in the body, not as If-Match and If-None-Match.");
}
