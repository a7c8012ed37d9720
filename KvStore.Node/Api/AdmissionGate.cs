using Microsoft.Extensions.Options;

namespace KvStore.Node.Api;

/// <summary>Bounds what requests in progress may hold: their number, and the bytes of their bodies.</summary>
internal sealed class AdmissionGate(IOptions<ApiOptions> options)
{
    /// <summary>What requests may hold together that last as long as their client likes: a part of all.</summary>
    private const int PartForLong = 4;

    private readonly long _maxBytes = options.Value.MaxBodyBytesInFlight;
    private readonly long _maxRequests = options.Value.MaxRequestsInFlight;
    private long _bytes;
    private long _requests;
    private long _refused;
    private long _longBytes;

    /// <summary>Requests in progress.</summary>
    public long Requests => Interlocked.Read(ref _requests);

    /// <summary>Bytes that they may hold.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Requests that were refused, since the start.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Whether the largest request of all can ever be let in.</summary>
    public static bool HasRoomForOne(ApiOptions options) =>
        ImportRun.BytesHeld(options) <= options.MaxBodyBytesInFlight;

    /// <summary>Lets a request in that will hold so many bytes; false: it is refused, and must not leave.</summary>
    /// <param name="bytes">How many.</param>
    /// <param name="isLong">
    /// Whether it lasts as long as its client likes: such ones leave room to all others, unless there is only one.
    /// </param>
    public bool TryEnter(long bytes, bool isLong = false)
    {
        if (isLong && Interlocked.Add(ref _longBytes, bytes) is var together
            && together > bytes && together > _maxBytes / PartForLong)
        {
            Interlocked.Add(ref _longBytes, -bytes);
            Interlocked.Increment(ref _refused);
            return false;
        }

        var isWithin = Interlocked.Increment(ref _requests) <= _maxRequests;
        isWithin &= Interlocked.Add(ref _bytes, bytes) <= _maxBytes;
        if (isWithin)
            return true;
        Leave(bytes, isLong);
        Interlocked.Increment(ref _refused);
        return false;
    }

    /// <summary>Gives back what <see cref="TryEnter"/> took.</summary>
    public void Leave(long bytes, bool isLong = false)
    {
        if (isLong)
            Interlocked.Add(ref _longBytes, -bytes);
        Interlocked.Decrement(ref _requests);
        Interlocked.Add(ref _bytes, -bytes);
    }
}
