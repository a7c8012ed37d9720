using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using Microsoft.Extensions.Primitives;

namespace KvStore.Node.Api;

/// <summary>From the text of a request's name to what the state remembers of it.</summary>
internal static class RequestIds
{
    /// <summary>The longest name.</summary>
    public const int MaxLength = 64;

    /// <summary>Of an id that carries its time, what stands below that in the upper half.</summary>
    private const ulong TimedRandom = 0xFFFF;

    private static readonly SearchValues<char> UuidCharacters = SearchValues.Create("0123456789abcdefABCDEF-");

    /// <summary>The client's own name goes before the one of the first hop; null when there is neither.</summary>
    public static RequestId? Of(string? idempotencyKey, string? hopRequestId) =>
        idempotencyKey is not null ? Timed(idempotencyKey) ?? Hash(idempotencyKey, RequestIdKind.Named)
        : hopRequestId is not null ? Hash(hopRequestId, RequestIdKind.Internal)
        : null;

    /// <summary>
    /// The id of one of the commands that a request is made of: of the same kind, and with the same time if it carries
    /// one.
    /// </summary>
    /// <param name="whole">The request's.</param>
    /// <param name="partition">Where the command goes.</param>
    /// <param name="run">Which of those that go there, from 0.</param>
    public static RequestId OfPart(RequestId whole, PartitionId partition, int run)
    {
        Span<byte> bytes = stackalloc byte[2 * sizeof(ulong) + 2 * sizeof(int)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, whole.High);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[sizeof(ulong)..], whole.Low);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[(2 * sizeof(ulong))..], partition.Value);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[(2 * sizeof(ulong) + sizeof(int))..], run);
        var hash = XxHash128.HashToUInt128(bytes);
        var (high, low) = ((ulong)(hash >> 64), (ulong)hash);
        return whole.Kind == RequestIdKind.Timed
            ? new RequestId((whole.High & ~TimedRandom) | (high & TimedRandom), low, whole.Kind)
            : new RequestId(high, low, whole.Kind);
    }

    /// <summary>Refuses an <c>Idempotency-Key</c> that names nothing.</summary>
    public static Refusal? RefuseKey(StringValues values) => IsName(values) ? null : new Refusal(
        ProblemType.IdempotencyKeyInvalid, "Idempotency-Key must be sent once, with 1 to 64 visible ASCII characters.");

    /// <summary>Refuses a <c>Kv-Hop-Request-Id</c> that names nothing.</summary>
    public static Refusal? RefuseHop(StringValues values) => IsName(values) ? null : new Refusal(
        ProblemType.HeaderInvalid, "Kv-Hop-Request-Id must be sent once, with 1 to 64 visible ASCII characters.");

    private static bool IsName(StringValues values) => values.Count == 1 && IsValid(values.ToString());

    /// <summary>Whether the text can be a name: 1 to 64 visible ASCII characters.</summary>
    public static bool IsValid(string text) =>
        text.Length is >= 1 and <= MaxLength && !text.AsSpan().ContainsAnyExceptInRange('!', '~');

    /// <summary>
    /// The id that a UUID of version 7 is, in the form with four hyphens alone, so that two texts are one id only where
    /// they differ in case. Null: it is any other text.
    /// </summary>
    private static RequestId? Timed(string text)
    {
        if (text.AsSpan().ContainsAnyExcept(UuidCharacters)    // Guid also reads signs and prefixes inside of it
            || !Guid.TryParseExact(text, "D", out var uuid)
            || uuid.Version != 7
            || (uuid.Variant & 0b1100) != 0b1000)
            return null;
        Span<byte> bytes = stackalloc byte[16];
        uuid.TryWriteBytes(bytes, bigEndian: true, out _);
        return new RequestId(
            BinaryPrimitives.ReadUInt64BigEndian(bytes),
            BinaryPrimitives.ReadUInt64BigEndian(bytes[sizeof(ulong)..]),
            RequestIdKind.Timed);
    }

    private static RequestId Hash(string text, RequestIdKind kind)
    {
        Span<byte> ascii = stackalloc byte[MaxLength];
        var hash = XxHash128.HashToUInt128(ascii[..Encoding.ASCII.GetBytes(text, ascii)]);
        return new RequestId((ulong)(hash >> 64), (ulong)hash, kind);
    }
}
