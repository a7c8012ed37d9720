namespace KvStore.Node.Replication;

/// <summary>What follows from what a process says of the disk that it stands on.</summary>
internal enum DiskClaim
{
    /// <summary>It may be believed.</summary>
    Sound,

    /// <summary>Another process on the same disk is talking now: two were started on copies of one.</summary>
    Taken,

    /// <summary>The disk once held more: what was voted and acknowledged on it is not there.</summary>
    Forgotten,
}

/// <summary>
/// How much of its log each disk was heard to have flushed. A process that starts on that disk with less stands on an
/// older copy of it, or on one whose end was overwritten.
/// </summary>
internal sealed class PeerLogs(TimeProvider time)
{
    /// <summary>
    /// A process that was heard so lately is there, unless its link has ended: members speak several times a second.
    /// </summary>
    private static readonly TimeSpan Presence = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, Heard> _heard = [];

    private readonly record struct Heard(ulong Run, ulong Flushed, long? At);

    /// <summary>Notes what is said of a sender's log, and judges it.</summary>
    /// <param name="sender">Who says it.</param>
    /// <param name="flushed">The last flushed frame; null where none is told, beside the link.</param>
    /// <param name="known">The frame that the log is known to have had.</param>
    public DiskClaim Hear(Wire.Ends sender, ulong? flushed, out ulong known)
    {
        lock (_gate)
        {
            var heard = _heard.GetValueOrDefault(sender.SenderIncarnation);
            known = heard.Flushed;
            if (heard.Run != sender.Run && heard.At is { } at && time.GetElapsedTime(at) < Presence)
                return DiskClaim.Taken;
            if (heard.Run != sender.Run && sender.LogEnd < known)
                return DiskClaim.Forgotten;
            _heard[sender.SenderIncarnation] = new Heard(
                sender.Run, Math.Max(known, flushed ?? 0), flushed is null ? heard.At : time.GetTimestamp());
            return DiskClaim.Sound;
        }
    }

    /// <summary>The link of a process has ended: it may be gone, and another may come.</summary>
    public void Ended(Wire.Ends sender)
    {
        lock (_gate)
        {
            if (_heard.GetValueOrDefault(sender.SenderIncarnation) is var heard && heard.Run == sender.Run)
                _heard[sender.SenderIncarnation] = heard with { At = null };
        }
    }
}
