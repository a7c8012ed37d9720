using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Replication;

public sealed class PeerOutboxTests
{
    private readonly PeerOutbox _outbox = new();

    /// <summary>
    /// A backup that comes back is sent all it missed at once; a frame that the other side refuses for its size would
    /// break the link, again and again.
    /// </summary>
    [Fact]
    public async Task What_a_backup_missed_goes_out_in_frames_that_are_taken()
    {
        List<Envelope> missed = [.. Enumerable.Range(0, 50).Select(at => Append(at, 1024 * 1024))];
        _outbox.Add(missed);

        List<Envelope> sent = [];
        while (sent.Count < missed.Count)
        {
            var frame = await NextAsync();
            Assert.InRange(Encoded(frame).CalculateSize(), 1, PeerService.MaxFrameBytes / 2);
            sent.AddRange(frame);
        }

        Assert.Equal(missed, sent);
    }

    [Fact]
    public async Task An_entry_of_the_largest_value_fits_beside_a_frame_that_is_almost_full()
    {
        _outbox.Add([Append(0, PeerOutbox.FrameBytes - 100), Append(1, (16 * 1024 * 1024) + 2048)]);

        var frame = await NextAsync();
        Assert.Equal(2, frame.Count);
        Assert.InRange(Encoded(frame).CalculateSize(), 1, PeerService.MaxFrameBytes);
    }

    [Fact]
    public async Task Heartbeats_and_answers_go_before_entries()
    {
        var entries = Append(1, 100);
        var beat = new Envelope(
            new PartitionId(2), new NodeId(2), new PeerMessage.Heartbeat(new Term(1), LogIndex.Zero, 1, LogIndex.Zero));
        var answer = new Envelope(
            new PartitionId(3),
            new NodeId(2),
            new PeerMessage.AppendReply(new Term(1), true, new LogIndex(1), LogIndex.Zero, Term.Zero));
        _outbox.Add([entries, beat]);
        _outbox.Add([answer]);

        Assert.Equal([beat, answer, entries], await NextAsync());
    }

    [Fact]
    public async Task What_does_not_fit_is_dropped_and_heartbeats_still_go()
    {
        var beat = new Envelope(
            new PartitionId(2), new NodeId(2), new PeerMessage.Heartbeat(new Term(1), LogIndex.Zero, 1, LogIndex.Zero));
        for (var at = 0; at < 200; at++)
            _outbox.Add([Append(at, 1024 * 1024)]);
        _outbox.Add([beat]);

        var frame = await NextAsync();
        Assert.Equal(beat, frame[0]);
        var taken = frame.Count - 1;
        using var end = new CancellationTokenSource();
        for (var next = _outbox.NextFrameAsync(end.Token);
            next.IsCompletedSuccessfully;
            next = _outbox.NextFrameAsync(end.Token))
        {
            taken += (await next).Count;
        }
        Assert.InRange(taken, 60, 70);
        await end.CancelAsync();
    }

    [Fact]
    public async Task Who_waits_is_woken_by_what_comes_and_nothing_is_lost()
    {
        const int Count = 20_000;
        var adding = Task.Run(() =>
        {
            for (var at = 0; at < Count; at++)
                _outbox.Add([Append(at, 10)]);
        }, TestContext.Current.CancellationToken);
        List<Envelope> sent = [];
        while (sent.Count < Count)
            sent.AddRange(await NextAsync());
        await adding;

        Assert.Equal(Enumerable.Range(0, Count), sent.Select(envelope => envelope.Partition.Value));
    }

    [Fact]
    public async Task After_the_link_is_lost_nothing_old_is_sent()
    {
        _outbox.Add([Append(1, 10)]);
        _outbox.Clear();
        var next = _outbox.NextFrameAsync(TestContext.Current.CancellationToken);
        _outbox.Add([Append(2, 10)]);

        Assert.Equal(2, Assert.Single(await next).Partition.Value);
    }

    private static Envelope Append(int partition, int bytes)
    {
        ImmutableArray<LogEntry> entries =
            [new LogEntry(new LogIndex(1), new Term(1), EntryKind.Command, new byte[bytes])];
        return new(
            new PartitionId(partition),
            new NodeId(2),
            new PeerMessage.AppendRequest(new Term(1), LogIndex.Zero, Term.Zero, entries, LogIndex.Zero));
    }

    private static KvStore.Node.Replication.Wire.Frame Encoded(List<Envelope> envelopes)
    {
        KvStore.Node.Replication.Wire.Frame frame = new();
        foreach (var envelope in envelopes)
            frame.Messages.Add(PeerCodec.Encode(envelope.Partition, envelope.Message));
        return frame;
    }

    private Task<List<Envelope>> NextAsync() =>
        _outbox.NextFrameAsync(TestContext.Current.CancellationToken).WaitAsync(
            TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
}
