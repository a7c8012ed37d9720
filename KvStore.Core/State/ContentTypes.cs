using System.Text;

namespace KvStore.Core.State;

/// <summary>
/// One string for all values of a common content type: a small table that a newer type takes a slot of. Which string
/// object is handed out means nothing, so replicas need not agree on it.
/// </summary>
internal static class ContentTypes
{
    public const int MaxBytes = 255;

    private static readonly string?[] Slots = new string?[256];

    /// <exception cref="InvalidDataException">The bytes are not ASCII.</exception>
    public static string Get(ReadOnlySpan<byte> ascii)
    {
        var slot = (int)(System.IO.Hashing.XxHash3.HashToUInt64(ascii) % (ulong)Slots.Length);
        if (Slots[slot] is { } known && Ascii.Equals(ascii, known))
            return known;
        if (!Ascii.IsValid(ascii))
            throw new InvalidDataException("A content type has bytes that are not ASCII.");
        return Slots[slot] = Encoding.ASCII.GetString(ascii);
    }
}
