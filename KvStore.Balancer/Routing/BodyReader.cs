using KvStore.Balancer.Options;
using KvStore.Contracts;
using Microsoft.Extensions.Options;

namespace KvStore.Balancer.Routing;

/// <summary>Reads bodies whole, so that an attempt can be repeated; bounds each of them and all together.</summary>
internal sealed class BodyReader(IOptions<BalancerOptions> options)
{
    private const int FirstBytesOfUnknown = 16 << 10;

    private readonly int _maxBody = options.Value.MaxBodyBytes;
    private readonly long _maxHeld = options.Value.MaxHeldBytes;
    private long _held;

    /// <summary>Bytes of a body at most.</summary>
    public int MaxBodyBytes => _maxBody;

    /// <summary>Bytes held now.</summary>
    public long HeldBytes => Interlocked.Read(ref _held);

    /// <summary>Reads the body of a request.</summary>
    /// <returns>The body, to be disposed of by the caller, or why it is refused.</returns>
    /// <exception cref="BadHttpRequestException">The body does not come as announced, or too slowly.</exception>
    public async ValueTask<(HeldBody? Body, ProblemType? Refusal)> ReadAsync(HttpRequest request)
    {
        if (request.ContentLength > _maxBody)
            return (null, ProblemType.ValueTooLarge);
        var capacity = (int)(request.ContentLength ?? FirstBytesOfUnknown);
        if (!TryTake(capacity))
            return (null, ProblemType.Overloaded);
        var body = new HeldBody(this, capacity);
        try
        {
            var refusal = await FillAsync(body, request);
            if (refusal is null)
                return (body, null);
            body.Dispose();
            return (null, refusal);
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    /// <summary>Takes back what a body held.</summary>
    public void GiveBack(int bytes) => Interlocked.Add(ref _held, -bytes);

    private async ValueTask<ProblemType?> FillAsync(HeldBody body, HttpRequest request)
    {
        var cancellation = request.HttpContext.RequestAborted;
        while (body.Length != request.ContentLength)
        {
            if (body.Free.IsEmpty)
            {
                // One byte more than is allowed shows that there is more.
                var more = Math.Min(body.Taken, _maxBody + 1 - body.Taken);
                if (more <= 0)
                    return ProblemType.ValueTooLarge;
                if (!TryTake(more))
                    return ProblemType.Overloaded;
                body.Grow(more);
            }

            var read = await request.Body.ReadAsync(body.Free, cancellation);
            if (read == 0)
                break;
            body.Advance(read);
        }

        return body.Length > _maxBody ? ProblemType.ValueTooLarge : null;
    }

    private bool TryTake(int bytes)
    {
        if (Interlocked.Add(ref _held, bytes) <= _maxHeld)
            return true;
        GiveBack(bytes);
        return false;
    }
}
