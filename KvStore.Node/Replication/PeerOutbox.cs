using System.Threading.Channels;
using KvStore.Core.Replication;

namespace KvStore.Node.Replication;

/// <summary>
/// What waits to be sent to one peer, bounded: what does not fit is dropped, the protocol expects loss. Heartbeats,
/// votes and answers go before entries, so that no group loses patience because another one catches up.
/// </summary>
internal sealed class PeerOutbox
{
    /// <summary>
    /// A frame is full from here on; with one entry of the largest value more it is still below what is taken.
    /// </summary>
    public const int FrameBytes = 2 * 1024 * 1024;

    private const int UrgentLimit = 65_536;
    private const long EntriesBytesLimit = 64L * 1024 * 1024;
    private const int MessageBytes = 64;
    private const int EntryBytes = 16;

    private readonly Lock _gate = new();
    private readonly Queue<Envelope> _urgent = [];
    private readonly Queue<Envelope> _entries = [];
    private long _entriesBytes;

    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    /// <summary>Messages that wait, and the bytes of those with entries.</summary>
    public (int Messages, long Bytes) Waiting
    {
        get
        {
            lock (_gate)
                return (_urgent.Count + _entries.Count, _entriesBytes);
        }
    }

    public void Add(List<Envelope> batch)
    {
        lock (_gate)
        {
            foreach (var envelope in batch)
                Add(envelope);
        }

        _signal.Writer.TryWrite(true);
    }

    /// <summary>Forgets everything: the link is gone, and what was to be said over it is old.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _urgent.Clear();
            _entries.Clear();
            _entriesBytes = 0;
        }
    }

    /// <summary>Waits for something to send; one reader at a time.</summary>
    public async Task<List<Envelope>> NextFrameAsync(CancellationToken cancellation)
    {
        List<Envelope> frame = [];
        while (true)
        {
            Fill(frame);
            if (frame.Count > 0)
                return frame;
            await _signal.Reader.ReadAsync(cancellation).ConfigureAwait(false);
        }
    }

    private static long BytesOf(Envelope envelope)
    {
        long bytes = MessageBytes;
        if (envelope.Message is PeerMessage.AppendRequest append)
        {
            foreach (var entry in append.Entries)
                bytes += entry.Payload.Length + EntryBytes;
        }

        return bytes;
    }

    private void Add(Envelope envelope)
    {
        if (envelope.Message is not PeerMessage.AppendRequest)
        {
            if (_urgent.Count < UrgentLimit)
                _urgent.Enqueue(envelope);
        }
        else if (_entriesBytes < EntriesBytesLimit)
        {
            _entries.Enqueue(envelope);
            _entriesBytes += BytesOf(envelope);
        }
    }

    private void Fill(List<Envelope> frame)
    {
        lock (_gate)
        {
            long bytes = 0;
            while (bytes < FrameBytes && _urgent.TryDequeue(out var urgent))
            {
                frame.Add(urgent);
                bytes += MessageBytes;
            }

            while (bytes < FrameBytes && _entries.TryDequeue(out var append))
            {
                frame.Add(append);
                bytes += BytesOf(append);
                _entriesBytes -= BytesOf(append);
            }
        }
    }
}
