using System.Globalization;

namespace KvStore.Node.Storage;

/// <summary>
/// Room that is kept so that what is begun can be finished: a share of the disk, or bytes. However little is asked for,
/// there is room for some segments.
/// </summary>
/// <param name="Percent">Of the disk, but never more than <see cref="MostOfShare"/>.</param>
/// <param name="Bytes">On top of that.</param>
internal sealed record DiskReserve(int Percent, long Bytes)
{
    /// <summary>The least that is kept: the segment that is written, its spare, and as much for a snapshot.</summary>
    public const int Segments = 4;

    /// <summary>Of a large disk more than this is not needed, however small a share it is.</summary>
    public const long LargestShare = 16L << 30;

    private const long MostBytes = 1L << 60;

    public static DiskReserve Default { get; } = new(5, 0);

    /// <summary>Three times as much, of a large disk, too.</summary>
    public static DiskReserve DefaultAlarm { get; } = new(15, 0) { MostOfShare = 3 * LargestShare };

    /// <summary>Bytes at most that <see cref="Percent"/> comes to.</summary>
    public long MostOfShare { get; init; } = LargestShare;

    /// <summary>Reads <c>5%</c> or a number of bytes; null when it is neither.</summary>
    public static DiskReserve? TryParse(string text)
    {
        var isShare = text.EndsWith('%');
        var digits = isShare ? text[..^1] : text;
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            || number > MostBytes)
        {
            return null;
        }

        return !isShare ? new DiskReserve(0, number) : number <= 50 ? new DiskReserve((int)number, 0) : null;
    }

    /// <summary>With less free than this the disk is low.</summary>
    public long MarkOf(DiskSpace space, long segmentBytes) => Math.Max(
        Bytes + Math.Min(space.TotalBytes / 100 * Percent, MostOfShare),
        Segments * segmentBytes);
}
