namespace KvStore.Node.Storage;

/// <summary>Where the log ends and goes on.</summary>
internal sealed record WalEnd(long Segment, long Offset, ChainLink Link, long TornBytes);

/// <summary>
/// Replays the log. A frame was written only after the flush of the one before it returned, so a bad frame with a good
/// one behind it is damage; a bad one with nothing behind it is a torn tail, which nobody was told of, and is cut.
/// </summary>
internal sealed class WalReader(IFileSystem files, string folder, ulong incarnation, LogRecovery recovery)
{
    /// <summary>Reads everything; null when there is no log yet.</summary>
    /// <exception cref="DataDamagedException">Something that was flushed is missing or changed.</exception>
    public WalEnd? Read()
    {
        var numbers = WalSegment.NumbersIn(files, folder);
        WalEnd? end = null;
        foreach (var number in numbers)
        {
            var bytes = Load(number);
            var before = WalFormat.ReadSegmentHeader(bytes, PathOf(number), incarnation, number);
            if (end is not null && before != end.Link)
                CompleteRoll(end, before, isLastAndEmpty: number == numbers[^1] && !HasFrame(bytes, number));
            else if (end is not null && !recovery.HasRolled)
                throw Damaged(end.Segment, end.Offset, "no more frames", "the frame that ends the segment");
            end = ReadSegment(number, bytes, before, isLast: number == numbers[^1]);
        }

        if (recovery.HasRolled)
            throw Damaged(end!.Segment, end.Offset, "the end of the last segment", $"segment {end.Segment + 1:x} after it");
        return end;
    }

    private WalEnd ReadSegment(long number, byte[] bytes, ChainLink link, bool isLast)
    {
        recovery.BeginSegment(number);
        var at = WalFormat.SegmentHeaderSize;
        while (!recovery.HasRolled
            && WalFormat.TryReadFrame(bytes.AsSpan(at), number, out var next, out var before, out var length, out var items)
            && next.Sequence == link.Sequence + 1
            && before == link.Checksum)
        {
            Replay(number, at, bytes.AsSpan(at + WalFormat.FrameHeaderSize, length - WalFormat.FrameHeaderSize), items);
            link = next;
            at += length;
        }

        if (FindFrame(bytes, at, number) is { } follower)
            throw Damaged(number, at, "no valid frame", $"one, since a valid one follows at offset {follower}");
        var torn = isLast ? CutTail(number, bytes, at) : 0;
        return new WalEnd(number, at, link, torn);
    }

    private void Replay(long number, long at, ReadOnlySpan<byte> payload, int items)
    {
        try
        {
            WalFormat.ReadItems(payload, items, recovery);
        }
        catch (InvalidDataException wrong)
        {
            throw Damaged(number, at, wrong.Message, "items of the log");
        }
    }

    /// <summary>
    /// The next segment was made, but the crash came before the frame that ends this one was flushed. That frame says
    /// nothing else, so it can be written now; its checksum proves that nothing else is missing.
    /// </summary>
    private void CompleteRoll(WalEnd end, ChainLink before, bool isLastAndEmpty)
    {
        var roll = new FrameBuilder();
        WalFormat.WriteRoll(roll);
        var frame = roll.Seal(end.Link, end.Segment, out var link);
        if (!isLastAndEmpty || link != before)
            throw Damaged(end.Segment, end.Offset, $"frame {end.Link.Sequence} as the last", $"frame {before.Sequence}");
        using var file = files.Open(PathOf(end.Segment));
        file.Write(frame, end.Offset);
        file.Flush();
    }

    /// <summary>Leaves only zeros behind the last frame, so that no remains can ever pass for a frame.</summary>
    private long CutTail(long number, byte[] bytes, int at)
    {
        var torn = bytes.AsSpan(at).LastIndexOfAnyExcept((byte)0) + 1;
        if (torn == 0)
            return 0;
        using var file = files.Open(PathOf(number));
        file.Write(new byte[torn], at);
        file.Flush();
        return torn;
    }

    private static bool HasFrame(byte[] bytes, long number) =>
        FindFrame(bytes, WalFormat.SegmentHeaderSize, number) is not null;

    private static int? FindFrame(byte[] bytes, int from, long number)
    {
        for (var at = from; at + WalFormat.FrameHeaderSize <= bytes.Length; at += WalFormat.Alignment)
        {
            if (WalFormat.TryReadFrame(bytes.AsSpan(at), number, out _, out _, out _, out _))
                return at;
        }

        return null;
    }

    private byte[] Load(long number)
    {
        using var file = files.Open(PathOf(number));
        return WalSegment.ReadAll(file);
    }

    private string PathOf(long number) => WalSegment.PathOf(folder, number);

    private DataDamagedException Damaged(long number, long at, string found, string expected) =>
        new(PathOf(number), at, found, expected);
}
