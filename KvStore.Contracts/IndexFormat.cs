namespace KvStore.Contracts;

/// <summary>
/// Numbers from 0 to <see cref="long.MaxValue"/> in as few bytes as they need: seven bits a byte, the low ones first;
/// the high bit says that more follow. What tokens are made of.
/// </summary>
public static class IndexFormat
{
    /// <summary>The most bytes of a number.</summary>
    public const int MaxBytes = 9;

    /// <summary>Writes a number and says how many bytes it took.</summary>
    /// <exception cref="IndexOutOfRangeException">There is no room for it.</exception>
    public static int Write(ulong number, Span<byte> to)
    {
        var length = 0;
        for (; number >= 0x80; number >>= 7)
            to[length++] = (byte)(number | 0x80);
        to[length++] = (byte)number;
        return length;
    }

    /// <summary>Takes a number from the front; false: there is none.</summary>
    public static bool TryRead(ref ReadOnlySpan<byte> bytes, out ulong number)
    {
        number = 0;
        for (var at = 0; at < bytes.Length && at < MaxBytes; at++)
        {
            number |= (ulong)(bytes[at] & 0x7F) << (7 * at);
            if ((bytes[at] & 0x80) != 0)
                continue;
            bytes = bytes[(at + 1)..];
            return true;
        }

        return false;
    }
}
