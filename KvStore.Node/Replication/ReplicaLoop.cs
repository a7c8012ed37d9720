using System.Threading.Channels;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Node.Storage;

namespace KvStore.Node.Replication;

/// <summary>
/// Owns some replicas: takes what has come in as one batch, steps the cores, hands one append batch to the log and one
/// frame per peer to the transport, then applies commits and completes callers. Batches come from load, never from a
/// timer: an idle loop carries a single write through at once.
/// </summary>
internal sealed class ReplicaLoop
{
    /// <summary>
    /// Calls and messages that may wait; more are refused or, for messages, dropped: the protocol expects loss.
    /// </summary>
    public const int InboxLimit = 65_536;

    /// <summary>
    /// Bytes of payload that may wait, in calls and in peers' entries; the last that is taken may reach beyond it.
    /// Reads, heartbeats and votes have none and are taken all the same.
    /// </summary>
    public const long InboxBytesLimit = 128L << 20;

    /// <summary>
    /// Taken before anything is carried out, so that callers who never stop do not keep all others waiting.
    /// </summary>
    private const int BatchLimit = 4096;

    private static readonly object TickAll = new();

#pragma warning disable RS0030    // bounded by what is waiting, in number and bytes, so that reports always fit
    private readonly Channel<Item> _inbox = Channel.CreateUnbounded<Item>(
        new UnboundedChannelOptions { SingleReader = true });
#pragma warning restore RS0030

    private readonly Dictionary<PartitionId, PartitionReplica> _replicas;
    private readonly Dictionary<NodeId, List<Envelope>> _outgoing = [];
    private readonly List<PartitionReplica> _busy = [];
    private readonly IOutlets _outlets;
    private readonly Action<PartitionReplica> _onPrimaryChanged;
    private List<Persist> _persists = [];
    private int _waiting;
    private long _waitingBytes;
    private int _isTickWaiting;

    public ReplicaLoop(
        IEnumerable<PartitionReplica> replicas,
        IOutlets outlets,
        Action<PartitionReplica> onPrimaryChanged)
    {
        _replicas = replicas.ToDictionary(replica => replica.Partition);
        _outlets = outlets;
        _onPrimaryChanged = onPrimaryChanged;
    }

    /// <summary>Calls, messages and reports that wait; readable from anywhere.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Bytes of payload in what waits; readable from anywhere.</summary>
    public long WaitingBytes => Interlocked.Read(ref _waitingBytes);

    /// <summary>False: too much is waiting, and nothing was taken.</summary>
    public bool TryPost(PartitionReplica replica, PendingWrite write) =>
        TryPost(new Item(replica, write, Count: 1, write.Payload.Length));

    /// <summary>False: too much is waiting, and nothing was taken.</summary>
    public bool TryPost(PartitionReplica replica, PendingRead read) =>
        TryPost(new Item(replica, read, Count: 1, Bytes: 0));

    /// <summary>False: too much is waiting, and nothing was taken.</summary>
    public bool TryPost(PartitionReplica replica, Input.Receive message) =>
        TryPost(new Item(replica, message, Count: 1, ReceivedFrame.BytesOf(message.Message)));

    /// <summary>False: too much is waiting, and nothing was taken.</summary>
    public bool TryPost(ReceivedFrame frame) => TryPost(new Item(null, frame, frame.Count, frame.Bytes));

    /// <summary>
    /// For what must not be lost and is bounded by what the loop itself began: flushes, snapshots, ticks.
    /// </summary>
    public bool Post(PartitionReplica? replica, object report)
    {
        Interlocked.Increment(ref _waiting);
        return _inbox.Writer.TryWrite(new Item(replica, report, Count: 1, Bytes: 0));
    }

    /// <summary>Time has passed. A loop that is behind, or was paused, gets one tick and not all it missed.</summary>
    public void PostTick()
    {
        if (Interlocked.Exchange(ref _isTickWaiting, 1) == 0)
            Post(null, TickAll);
    }

    /// <summary>Runs until <see cref="Stop"/>; an exception is a broken invariant, and the node must end.</summary>
    public async Task RunAsync()
    {
        while (await _inbox.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            for (var taken = 0; taken < BatchLimit && _inbox.Reader.TryRead(out var item); taken++)
            {
                Interlocked.Add(ref _waiting, -item.Count);
                if (item.Bytes > 0)
                    Interlocked.Add(ref _waitingBytes, -item.Bytes);
                Take(item);
            }

            Carry();
        }

        foreach (var replica in _replicas.Values)
            replica.Abandon();
    }

    public void Stop() => _inbox.Writer.TryComplete();

    private bool TryPost(Item item)
    {
        if (Waiting >= InboxLimit || (item.Bytes > 0 && WaitingBytes >= InboxBytesLimit))
            return false;
        Interlocked.Add(ref _waiting, item.Count);
        if (item.Bytes > 0)
            Interlocked.Add(ref _waitingBytes, item.Bytes);
        return _inbox.Writer.TryWrite(item);
    }

    private void Take(Item item)
    {
        switch (item.Content)
        {
            case Input input:
                item.Replica!.Add(input);
                break;
            case PendingWrite write:
                item.Replica!.Add(write);
                break;
            case PendingRead read:
                item.Replica!.Add(read);
                break;
            case ReceivedFrame frame:
                foreach (var (replica, message) in frame)
                    replica.Add(message);
                break;
            case Action<PartitionReplica> act:
                act(item.Replica!);
                break;
            case List<Persist> flushed:
                foreach (var persist in flushed)
                    _replicas[persist.Partition].Add(new Input.Persisted(persist.Number));
                break;
            default:
                Invariant.Holds(ReferenceEquals(item.Content, TickAll));
                Volatile.Write(ref _isTickWaiting, 0);
                foreach (var replica in _replicas.Values)
                    replica.Tick();
                break;
        }
    }

    private void Carry()
    {
        foreach (var replica in _replicas.Values)
        {
            if (!replica.HasInputs)
                continue;
            replica.Step();
            _busy.Add(replica);
            _persists.AddRange(replica.Effects.Persist);
            foreach (var envelope in replica.Effects.Send)
                Gather(envelope);
        }

        if (Failpoints.AreOn)
            StepFailpoints.Stepped(_busy);
        HandOverPersists();
        HandOverMessages();
        if (Failpoints.AreOn)
            StepFailpoints.Sent(_busy);
        foreach (var replica in _busy)
            Finish(replica);
        _busy.Clear();
    }

    private void Gather(Envelope envelope)
    {
        if (!_outgoing.TryGetValue(envelope.Peer, out var batch))
            _outgoing.Add(envelope.Peer, batch = []);
        batch.Add(envelope);
    }

    private void HandOverPersists()
    {
        if (_persists.Count == 0)
            return;
        var batch = _persists;
        _persists = [];
        _outlets.Append(new PersistBatch(batch, () => Post(null, batch)));
    }

    private void HandOverMessages()
    {
        foreach (var (peer, batch) in _outgoing)
            _outlets.Send(peer, batch);
        _outgoing.Clear();
    }

    private void Finish(PartitionReplica replica)
    {
        (NodeId To, Term Term)[] lagging = [.. replica.Effects.SendSnapshot];
        if (replica.Finish())
            _onPrimaryChanged(replica);
        foreach (var (to, term) in lagging)
        {
            _outlets.SendSnapshot(
                replica.Partition, to, term, () => CaptureAsync(replica, term), sent => Post(replica, sent));
        }
    }

    /// <summary>
    /// The state as it is when the loop comes to it; nothing when the replica is not that term's primary any more:
    /// nobody would take its snapshot.
    /// </summary>
    private Task<Snapshot?> CaptureAsync(PartitionReplica replica, Term term)
    {
        var captured = new TaskCompletionSource<Snapshot?>(TaskCreationOptions.RunContinuationsAsynchronously);
        Action<PartitionReplica> capture = current => captured.SetResult(
            current.Replica.Role == ReplicaRole.Primary && current.Replica.Term == term ? current.Capture() : null);
        if (!Post(replica, capture))
            captured.SetResult(null);
        return captured.Task;
    }

    private readonly record struct Item(PartitionReplica? Replica, object Content, int Count, long Bytes);
}

/// <summary>What a loop gets of one frame of a peer.</summary>
internal sealed class ReceivedFrame : List<(PartitionReplica Replica, Input.Receive Message)>
{
    /// <summary>Bytes of payload in its entries.</summary>
    public long Bytes => this.Sum(received => BytesOf(received.Message.Message));

    /// <summary>Bytes of payload in a message's entries.</summary>
    public static long BytesOf(PeerMessage message)
    {
        long bytes = 0;
        if (message is PeerMessage.AppendRequest append)
        {
            foreach (var entry in append.Entries)
                bytes += entry.Payload.Length;
        }

        return bytes;
    }
}
