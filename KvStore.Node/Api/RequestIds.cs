using System.IO.Hashing;
using System.Text;
using KvStore.Core.State;

namespace KvStore.Node.Api;

/// <summary>From the text of a request's name to what the state remembers of it.</summary>
internal static class RequestIds
{
    /// <summary>The longest name.</summary>
    public const int MaxLength = 64;

    /// <summary>The client's own name goes before the one of the first hop; null when there is neither.</summary>
    public static RequestId? Of(string? idempotencyKey, string? hopRequestId) =>
        idempotencyKey is not null ? Hash(idempotencyKey, isInternal: false)
        : hopRequestId is not null ? Hash(hopRequestId, isInternal: true)
        : null;

    /// <summary>Whether the text can be a name: 1 to 64 visible ASCII characters.</summary>
    public static bool IsValid(string text) =>
        text.Length is >= 1 and <= MaxLength && !text.AsSpan().ContainsAnyExceptInRange('!', '~');

    private static RequestId Hash(string text, bool isInternal)
    {
        Span<byte> ascii = stackalloc byte[MaxLength];
        var hash = XxHash128.HashToUInt128(ascii[..Encoding.ASCII.GetBytes(text, ascii)]);
        return new RequestId((ulong)(hash >> 64), (ulong)hash, isInternal);
    }
}
