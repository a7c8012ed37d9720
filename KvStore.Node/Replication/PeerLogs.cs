namespace KvStore.Node.Replication;

/// <summary>
/// How much of its log each disk was heard to have flushed. A process that starts on that disk with less stands on an
/// older copy of it, or on one whose end was overwritten: what it voted and acknowledged is not in it.
/// </summary>
internal sealed class PeerLogs
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, (ulong Run, ulong Flushed)> _heard = [];

    /// <summary>
    /// Notes what a frame says of its sender's log; gives the frame that the log had before, if the process found less.
    /// </summary>
    public ulong? Forgotten(Wire.Ends sender, ulong flushed)
    {
        lock (_gate)
        {
            var (run, known) = _heard.GetValueOrDefault(sender.SenderIncarnation);
            if (run != sender.Run && sender.LogEnd < known)
                return known;
            _heard[sender.SenderIncarnation] = (sender.Run, Math.Max(known, flushed));
            return null;
        }
    }
}
