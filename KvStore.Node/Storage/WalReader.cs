namespace KvStore.Node.Storage;

/// <summary>Where the log ends and goes on.</summary>
internal sealed record WalEnd(long Segment, ulong Key, long Offset, ChainLink Link, long TornBytes);

/// <summary>
/// Replays the log. A frame was written only after the flush of the one before it returned, so a bad frame with a good
/// one behind it is damage; a bad one with nothing behind it is a torn tail, which nobody was told of, and is cut.
/// </summary>
internal sealed class WalReader(IFileSystem files, string folder, ulong incarnation, LogRecovery recovery)
{
    private readonly List<(long Segment, long Offset, byte[] Bytes)> _repairs = [];

    /// <summary>Reads everything and changes nothing; null when there is no log yet.</summary>
    /// <exception cref="DataDamagedException">Something that was flushed is missing or changed.</exception>
    public WalEnd? Read()
    {
        var numbers = WalSegment.NumbersIn(files, folder);
        WalEnd? end = null;
        foreach (var number in numbers)
        {
            var bytes = Load(number);
            var head = WalFormat.ReadSegmentHeader(bytes, PathOf(number), incarnation, number);
            if (end is not null && head.Before != end.Link)
                CompleteRoll(end, head.Before);
            else if (end is not null && !recovery.HasRolled)
                throw Damaged(end.Segment, end.Offset, "no more frames", "the frame that ends the segment");
            end = ReadSegment(number, bytes, head, isLast: number == numbers[^1]);
        }

        if (recovery.HasRolled)
            throw Damaged(end!.Segment, end.Offset, "the end of the last segment", $"segment {end.Segment + 1:x}");
        if (numbers.Count > 0 && numbers[0] > recovery.OldestSegment)
            throw Damaged(numbers[0], 0, "the first segment", $"segment {recovery.OldestSegment:x} before it");
        return end;
    }

    /// <summary>
    /// Makes certain that what was read is on stable storage, and that nothing else can be read another time: to be
    /// called once all that was read has proved good, and before anybody is told of it.
    /// </summary>
    public void Repair()
    {
        foreach (var (segment, offset, bytes) in _repairs)
        {
            using var file = files.Open(PathOf(segment));
            file.Write(bytes, offset);
            file.Flush();
        }
    }

    private WalEnd ReadSegment(long number, byte[] bytes, SegmentHead head, bool isLast)
    {
        recovery.BeginSegment(number);
        var link = head.Before;
        var (last, at) = (WalFormat.SegmentHeaderSize, WalFormat.SegmentHeaderSize);
        var isFrame = WalFormat.TryReadFrame(bytes.AsSpan(at), head.Key, out var frame);
        while (isFrame && frame.Follows(link) && !frame.IsSeal && !recovery.HasRolled)
        {
            Replay(number, at, bytes.AsSpan(at, frame.Length)[WalFormat.FrameHeaderSize..], frame.Items);
            link = frame.Link;
            (last, at) = (at, at + frame.Length);
            isFrame = WalFormat.TryReadFrame(bytes.AsSpan(at), head.Key, out frame);
        }

        var isSealed = isFrame && frame.Follows(link) && frame.IsSeal && !recovery.HasRolled;
        var behind = at + (isSealed ? frame.Length : 0);
        if (FindFrame(bytes, behind, head.Key) is { } follower)
            throw Damaged(number, at, "no valid frame", $"one, since a valid one follows at offset {follower}");
        var torn = isLast ? bytes.AsSpan(behind).LastIndexOfAnyExcept((byte)0) + 1 : 0;
        if (isLast)
            PlanRepair(number, bytes, isSealed ? behind : last, behind, torn);
        return new WalEnd(number, head.Key, at, link, torn);
    }

    /// <summary>
    /// Behind the last frame only zeros may stand, so that no remains can ever pass for a frame. And without a seal
    /// that frame may be in the system's cache alone: its flush may not have been called, or it failed and the system
    /// took the pages for clean all the same, so that only another write brings them to the disk.
    /// </summary>
    private void PlanRepair(long number, byte[] bytes, int from, int end, int torn)
    {
        var repair = new byte[end - from + torn];
        bytes.AsSpan(from, end - from).CopyTo(repair);
        if (repair.Length > 0)
            _repairs.Add((number, from, repair));
    }

    private void Replay(long number, long at, ReadOnlySpan<byte> payload, int items)
    {
        try
        {
            WalFormat.ReadItems(payload, items, recovery);
        }
        catch (InvalidDataException wrong)
        {
            throw new OtherFormatException($"{PathOf(number)}, offset {at},", wrong.Message, wrong);
        }
    }

    /// <summary>
    /// The next segment was made, but the frame that ends this one is not there. It says nothing else, so it can be
    /// written again; that the next segment names it proves that nothing else is missing.
    /// </summary>
    private void CompleteRoll(WalEnd end, ChainLink before)
    {
        var roll = new FrameBuilder();
        WalFormat.WriteRoll(roll);
        var frame = roll.Seal(end.Link, end.Key, out var link);
        if (link != before)
            throw Damaged(end.Segment, end.Offset, $"frame {end.Link.Sequence} last", $"frame {before.Sequence}");
        _repairs.Add((end.Segment, end.Offset, frame.ToArray()));
    }

    private static int? FindFrame(byte[] bytes, int from, ulong key)
    {
        for (var at = from; at + WalFormat.FrameHeaderSize <= bytes.Length; at += WalFormat.Alignment)
        {
            if (WalFormat.TryReadFrame(bytes.AsSpan(at), key, out _))
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
