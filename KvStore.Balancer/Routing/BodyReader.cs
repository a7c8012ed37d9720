using KvStore.Balancer.Options;
using KvStore.Contracts;
using Microsoft.Extensions.Options;

namespace KvStore.Balancer.Routing;

/// <summary>Why a body is not taken, in the words of a node.</summary>
internal sealed record BodyRefusal(ProblemType Type, string Detail);

/// <summary>Reads bodies whole, so that an attempt can be repeated; bounds each of them and all together.</summary>
internal sealed class BodyReader(IOptions<BalancerOptions> options)
{
    private const int FirstBytesOfUnknown = 16 << 10;

    private readonly long _maxHeld = options.Value.MaxHeldBytes;
    private long _held;

    /// <summary>Bytes at most of a body that holds one value.</summary>
    public int MaxBodyBytes { get; } = options.Value.MaxBodyBytes;

    /// <summary>Bytes held now.</summary>
    public long HeldBytes => Interlocked.Read(ref _held);

    /// <summary>Reads the body of a request.</summary>
    /// <param name="request">Whose.</param>
    /// <param name="route">What it is for: a batch or a transaction may be larger than a value.</param>
    /// <returns>The body, to be disposed of by the caller, or why it is refused.</returns>
    public async ValueTask<(HeldBody? Body, BodyRefusal? Refusal)> ReadAsync(
        HttpRequest request, OwnerRoute? route = null)
    {
        var (limit, tooLarge) = route switch
        {
            { IsTransaction: true } => (BodyLimits.MaxManyBytes, TooLargeTransaction),
            { TakesMany: true } => (BodyLimits.MaxManyBytes, TooLargeBatch),
            _ => (MaxBodyBytes, TooLarge),
        };
        if (WrongFraming(request) is { } wrong)
            return (null, new(ProblemType.BodyInvalid, wrong));
        if (request.ContentLength > limit)
            return (null, tooLarge);
        var capacity = (int)(request.ContentLength ?? FirstBytesOfUnknown);
        if (!TryTake(capacity))
            return (null, TooMany);
        var body = new HeldBody(this, capacity);
        var isRead = false;
        try
        {
            var refusal = await FillAsync(body, request, limit, tooLarge);
            isRead = refusal is null;
            return (isRead ? body : null, refusal);
        }
        catch (BadHttpRequestException broken)
        {
            return (null, Broken(broken.StatusCode, tooLarge));
        }
        catch (IOException)    // how the server says that a chunk's size is no number it can count to
        {
            return (null, Broken(StatusCodes.Status400BadRequest, tooLarge));
        }
        finally
        {
            if (!isRead)
                body.Dispose();
        }
    }

    /// <summary>Why it is not known where the body ends, as a sentence; null when it is.</summary>
    public static string? WrongFraming(HttpRequest request) => BodyFraming.Wrong(
        request.ContentLength is not null || request.Headers.ContainsKey(BodyFraming.MovedLength),
        request.Headers.TransferEncoding.ToString());

    /// <summary>Takes back what a body held.</summary>
    public void GiveBack(int bytes) => Interlocked.Add(ref _held, -bytes);

    private BodyRefusal TooLarge { get; } =
        new(ProblemType.ValueTooLarge, $"A value may have {options.Value.MaxValueBytes} bytes.");

    private static BodyRefusal TooMany { get; } =
        new(ProblemType.Overloaded, "Too many bytes of other requests are held here; nothing was begun.");

    private static BodyRefusal TooLargeBatch { get; } =
        new(ProblemType.ValueTooLarge, $"A batch may have {BodyLimits.MaxManyBytes} bytes.");

    private static BodyRefusal TooLargeTransaction { get; } =
        new(ProblemType.TransactionTooLarge, $"A transaction may have {BodyLimits.MaxManyBytes} bytes.");

    private static BodyRefusal Broken(int status, BodyRefusal tooLarge) => status switch
    {
        StatusCodes.Status413PayloadTooLarge => tooLarge,
        StatusCodes.Status408RequestTimeout =>
            new(ProblemType.BodyInvalid, "The body came too slowly; nothing was applied."),
        _ => new(ProblemType.BodyInvalid, "The body did not arrive as its headers announced it; nothing was applied."),
    };

    private async ValueTask<BodyRefusal?> FillAsync(
        HeldBody body, HttpRequest request, int limit, BodyRefusal tooLarge)
    {
        var cancellation = request.HttpContext.RequestAborted;
        while (body.Length != request.ContentLength)
        {
            if (body.Free.IsEmpty)
            {
                // One byte more than is allowed shows that there is more.
                var more = Math.Min(body.Taken, limit + 1 - body.Taken);
                if (more <= 0)
                    return tooLarge;
                if (!TryTake(more))
                    return TooMany;
                body.Grow(more);
            }

            var read = await request.Body.ReadAsync(body.Free, cancellation);
            if (read == 0)
                break;
            body.Advance(read);
        }

        return body.Length > limit ? tooLarge : null;
    }

    private bool TryTake(int bytes)
    {
        if (Interlocked.Add(ref _held, bytes) <= _maxHeld)
            return true;
        GiveBack(bytes);
        return false;
    }
}
