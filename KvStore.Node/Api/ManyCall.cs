using KvStore.Contracts;
using KvStore.Core.State;
using Microsoft.AspNetCore.Http.Features;
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
        var refusal = BucketCallReader.ReadHeaders(request.Headers, ref head)
            ?? ReadQuery(request.Query, isBatch, ref head, ref isUntilFailure)
            ?? RefuseConditions(request.Headers);
        if (refusal is not null)
            return refusal;
        SessionToken? session = null;
        var token = request.Headers[KvHeaders.Session];
        if (token.Count > 1 || (token.Count == 1 && !SessionToken.TryParse(token.ToString(), out session)))
        {
            return new Refusal(
                ProblemType.SessionInvalid,
                "Kv-Session is to be sent once, exactly as an answer of this cluster gave it.");
        }

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
        var request = context.Request;
        if (RefuseHead(request, tooLarge) is { } refused)
            return refused with { ClosesConnection = true };
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = BodyLimits.MaxManyBytes + 1;
        try
        {
            var body = new MemoryStream((int)Math.Min(request.ContentLength ?? 0, BodyLimits.MaxManyBytes));
            await request.Body.CopyToAsync(body, context.RequestAborted);
            call.Head.Body = body.GetBuffer().AsMemory(0, (int)body.Length);
            return body.Length <= BodyLimits.MaxManyBytes ? null : TooLarge(tooLarge);
        }
        catch (BadHttpRequestException tooMuch) when (tooMuch.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return TooLarge(tooLarge);
        }
        catch (IOException)
        {
            return new Refusal(
                ProblemType.BodyInvalid, "The body did not arrive as its headers announced it; nothing was applied.")
            {
                ClosesConnection = true,
            };
        }
    }

    private static Refusal? RefuseHead(HttpRequest request, ProblemType tooLarge)
    {
        if (request.Headers.ContentEncoding.Count > 0)
            return new Refusal(ProblemType.UnsupportedEncoding, "Send the body without Content-Encoding.");
        if (BodyFraming.Wrong(request.ContentLength, request.Headers.TransferEncoding.ToString()) is { } wrong)
            return new Refusal(ProblemType.BodyInvalid, wrong);
        if (!MediaTypes.IsJson(request.ContentType))
        {
            return new Refusal(
                ProblemType.UnsupportedMediaType, "A batch or a transaction takes Content-Type: application/json.");
        }

        return request.ContentLength > BodyLimits.MaxManyBytes ? TooLarge(tooLarge) : null;
    }

    private static Refusal TooLarge(ProblemType type) => new(
        type, $"A batch or a transaction may have {BodyLimits.MaxManyBytes} bytes; nothing was applied.")
    {
        ClosesConnection = true,
    };

    private static Refusal? ReadQuery(
        IQueryCollection query, bool isBatch, ref BucketCall head, ref bool isUntilFailure)
    {
        foreach (var (name, values) in query)
        {
            if (name is "timeout" && values.Count == 1)
            {
                if (BucketCallReader.ReadTimeout(values.ToString(), ref head) is { } wrong)
                    return wrong with { Type = ProblemType.QueryInvalid };
            }
            else if (name is "stop_on_error" && isBatch && values.ToString() is "true" or "false")
            {
                isUntilFailure = values.ToString() is "true";
            }
            else
            {
                return new Refusal(
                    ProblemType.QueryInvalid,
                    "The query takes timeout, and that of a batch stop_on_error (true or false), each once.");
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
