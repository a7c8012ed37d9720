using System.Collections.Concurrent;
using System.Diagnostics;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Node.Telemetry;
using static KvStore.Tests.Core.State.Commands;
using static KvStore.Tests.Node.Replication.ReplicaHarness;

namespace KvStore.Tests.Node.Replication;

/// <summary>What a replica tells of writes whose requests are traced, and that it tells nothing of others.</summary>
public sealed class TracedWritesTests : IDisposable
{
    private readonly ConcurrentQueue<Activity> _told = [];
    private readonly ActivityListener _listener;
    private readonly ActivityTraceId _mine = ActivityTraceId.CreateRandom();

    public TracedWritesTests()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == NodeTracing.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> options) => options.Parent.TraceId == _mine
                ? ActivitySamplingResult.AllDataAndRecorded
                : ActivitySamplingResult.None,
            ActivityStopped = _told.Enqueue,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public void Dispose() => _listener.Dispose();

    [Fact]
    public void A_primary_tells_backups_whose_entries_they_get_and_what_its_own_flush_took()
    {
        var primary = ReplicaHarness.Primary();
        primary.Sent.Clear();
        var trace = NewTrace();
        Write(primary, trace);
        primary.Time.Advance(TimeSpan.FromMilliseconds(7));
        Assert.Empty(_told);
        primary.Flush();

        var appends = primary.Sent.Select(sent => sent.Message).OfType<PeerMessage.AppendRequest>().ToList();
        Assert.NotEmpty(appends);
        Assert.All(appends, append => Assert.Equal([$"00-{trace.TraceId}-{trace.SpanId}-01"], append.Traces));
        var flush = Assert.Single(_told);
        Assert.Equal((NodeTracing.Flush, trace.SpanId), (flush.OperationName, flush.ParentSpanId));
        Assert.Equal(TimeSpan.FromMilliseconds(7), flush.Duration);
    }

    [Fact]
    public void Of_writes_that_are_not_traced_nothing_is_told()
    {
        var primary = ReplicaHarness.Primary();
        primary.Write(Put("k", "v"));
        primary.Flush();

        Assert.All(
            primary.Sent.Select(sent => sent.Message).OfType<PeerMessage.AppendRequest>(),
            append => Assert.Empty(append.Traces));
        Assert.Empty(_told);
    }

    [Fact]
    public void A_backup_tells_one_span_with_links_when_it_has_flushed_them()
    {
        ReplicaHarness backup = new();
        ActivityContext[] traces = [NewTrace(), NewTrace(), NewTrace()];
        backup.Receive(2, Append(1, traces));
        backup.Time.Advance(TimeSpan.FromMilliseconds(3));
        Assert.Empty(_told);
        backup.Flush();

        var append = Assert.Single(_told, span => span.OperationName == NodeTracing.Backup);
        Assert.Equal((traces[0].SpanId, ActivityKind.Consumer), (append.ParentSpanId, append.Kind));
        Assert.Equal(traces[1..].Select(trace => trace.SpanId), append.Links.Select(link => link.Context.SpanId));
        Assert.Equal(TimeSpan.FromMilliseconds(3), append.Duration);
        var flush = Assert.Single(_told, span => span.OperationName == NodeTracing.Flush);
        Assert.Equal(append.SpanId, flush.ParentSpanId);
    }

    [Fact]
    public void Entries_that_come_again_before_they_are_flushed_are_told_of_once()
    {
        ReplicaHarness backup = new();
        var trace = NewTrace();
        for (var time = 0; time < 2; time++)
            backup.Replica.Add(new Input.Receive(new NodeId(2), Append(1, trace)));
        backup.Carry();
        backup.Replica.Add(new Input.Receive(new NodeId(2), Append(1, trace)));
        backup.Receive(2, Append(2, NewTrace()));
        backup.Flush();

        Assert.Equal(2, _told.Count(span => span.OperationName == NodeTracing.Backup));
    }

    [Fact]
    public void A_message_tells_of_so_many_and_no_more()
    {
        var primary = ReplicaHarness.Primary();
        primary.Sent.Clear();
        for (var write = 0; write < TracedWrites.MostOfMessage + 3; write++)
            primary.Replica.Add(Pending(NewTrace()));
        primary.Carry();

        Assert.All(
            primary.Sent.Select(sent => sent.Message).OfType<PeerMessage.AppendRequest>(),
            append => Assert.Equal(TracedWrites.MostOfMessage, append.Traces.Length));
        primary.Flush();
        Assert.Equal(TracedWrites.MostOfMessage + 3, _told.Count);
    }

    [Fact]
    public void An_answer_knows_when_the_write_was_appended_flushed_here_and_decided()
    {
        var primary = ReplicaHarness.Primary();
        var begun = primary.Time.GetTimestamp();
        var first = primary.Write(Put("k", "v"));
        primary.Time.Advance(TimeSpan.FromMilliseconds(2));
        primary.Flush();
        primary.Time.Advance(TimeSpan.FromMilliseconds(3));
        primary.Acknowledge(2);
        Assert.Equal((0, 2, 5), MillisecondsOf(first));

        begun = primary.Time.GetTimestamp();
        var second = primary.Write(Put("k", "w"));
        primary.Time.Advance(TimeSpan.FromMilliseconds(4));
        primary.Acknowledge(2);
        primary.Acknowledge(3);
        Assert.Equal(0, Outcome<WriteOutcome.Committed>(second).Times.Flushed);

        (int, int, int) MillisecondsOf(PendingWrite write) =>
            Outcome<WriteOutcome.Committed>(write).Times is var times
                ? (Since(times.Appended), Since(times.Flushed), Since(times.Decided))
                : default;
        int Since(long at) => (int)primary.Time.GetElapsedTime(begun, at).TotalMilliseconds;
    }

    private ActivityContext NewTrace() =>
        new(_mine, ActivitySpanId.CreateRandom(), ActivityTraceFlags.Recorded);

    private static PeerMessage.AppendRequest Append(long index, params ActivityContext[] traces) => new(
        new Term(1),
        new LogIndex(index - 1),
        new Term(index > 1 ? 1 : 0),
        [new LogEntry(new LogIndex(index), new Term(1), EntryKind.Empty, default)],
        LogIndex.Zero)
    {
        Traces = ["nonsense", .. traces.Select(trace => $"00-{trace.TraceId}-{trace.SpanId}-01")],
    };

    private static PendingWrite Write(ReplicaHarness primary, ActivityContext trace)
    {
        var write = Pending(trace);
        primary.Replica.Add(write);
        primary.Carry();
        return write;
    }

    private static PendingWrite Pending(ActivityContext trace)
    {
        var command = Put("k", "v");
        return new PendingWrite(CommandFormat.Encode(command), command, Ack.Quorum) { Trace = trace };
    }
}
