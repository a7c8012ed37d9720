using System.Threading.Channels;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Node.Replication;
using KvStore.Node.Storage;

namespace KvStore.Tests.Node.Replication;

/// <summary>A log and links that keep what they are given: flushed when a test says so, or at once.</summary>
internal sealed class FakeOutlets : IOutlets
{
    private readonly Channel<PersistBatch> _appended = Channel.CreateBounded<PersistBatch>(10_000);
    private readonly Channel<(NodeId Peer, List<Envelope> Batch)> _sent =
        Channel.CreateBounded<(NodeId, List<Envelope>)>(10_000);

    private readonly Channel<bool> _answered = Channel.CreateBounded<bool>(10_000);

    private readonly Channel<(NodeId To, Func<Task<Snapshot?>> Capture)> _transfers =
        Channel.CreateBounded<(NodeId, Func<Task<Snapshot?>>)>(10_000);

    public bool FlushesAtOnce { get; init; }

    public void Append(PersistBatch batch)
    {
        if (FlushesAtOnce)
            batch.OnFlushed();
        else
            _appended.Writer.TryWrite(batch);
    }

    public void Send(NodeId peer, List<Envelope> batch)
    {
        if (batch.RemoveAll(envelope => envelope.Message is PeerMessage.VoteReply) > 0)
            _answered.Writer.TryWrite(true);
        if (batch.Count > 0)
            _sent.Writer.TryWrite((peer, batch));
    }

    public void SendSnapshot(
        PartitionId partition, NodeId to, Term term, Func<Task<Snapshot?>> capture, Action<Input> report) =>
        _transfers.Writer.TryWrite((to, capture));

    /// <summary>The next batch that a loop handed to the log.</summary>
    public Task<PersistBatch> NextAppendAsync() =>
        _appended.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));

    /// <summary>All that a loop handed to the log so far is on stable storage.</summary>
    public void FlushAll()
    {
        while (_appended.Reader.TryRead(out var batch))
            batch.OnFlushed();
    }

    /// <summary>The next state that was asked for, not captured yet.</summary>
    public Task<(NodeId To, Func<Task<Snapshot?>> Capture)> NextTransferAsync() =>
        _transfers.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));

    public async Task<List<Envelope>> NextSentAsync() =>
        (await _sent.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30))).Batch;

    /// <summary>A vote request was answered, be it with no.</summary>
    public Task AnsweredVoteAsync() => _answered.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));

    public bool HasSent => _sent.Reader.TryPeek(out _);
}
