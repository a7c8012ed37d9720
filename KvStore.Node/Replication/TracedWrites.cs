using System.Collections.Immutable;
using System.Diagnostics;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Node.Telemetry;

namespace KvStore.Node.Replication;

/// <summary>
/// The writes of one replica whose requests are traced: tells the backups which entries are theirs, and what a flush
/// of theirs took, here and there. Free as long as there is none. Belongs to the loop of the replica.
/// </summary>
internal sealed class TracedWrites(TimeProvider time)
{
    /// <summary>Of how many one message tells; the entries beyond that go without.</summary>
    public const int MostOfMessage = 16;

    /// <summary>How many are remembered: of a primary's until they are committed, of others' the latest.</summary>
    private const int MostRemembered = 64;

    private readonly List<(LogIndex Index, ActivityContext Trace)> _uncommitted = [];
    private readonly List<(ImmutableArray<ActivityContext> Traces, LogIndex Last, long At)> _arrived = [];
    private readonly Queue<ActivitySpanId> _told = [];
    private readonly Queue<Flushing> _flushing = [];
    private bool _isAnyOffered;

    /// <summary>A write is offered to the core in the next step.</summary>
    public void Offered(PendingWrite write) => _isAnyOffered |= write.Trace is not null;

    /// <summary>A message is given to the core in the next step.</summary>
    public void Received(PeerMessage message)
    {
        if (message is not PeerMessage.AppendRequest { Traces: { IsEmpty: false } texts, Entries: [.., var last] }
            || !NodeTracing.IsOn)
        {
            return;
        }

        var traces = ImmutableArray.CreateBuilder<ActivityContext>(texts.Length);
        foreach (var text in texts)
        {
            if (ActivityContext.TryParse(text, traceState: null, isRemote: true, out var trace))
                traces.Add(trace);
        }

        if (traces.Count > 0)
            _arrived.Add((traces.DrainToImmutable(), last.Index, time.GetTimestamp()));
    }

    /// <summary>The core has stepped: nothing of its effects is done yet.</summary>
    /// <param name="effects">Its messages are told whose entries they carry.</param>
    /// <param name="calls">Has the writes that were offered.</param>
    /// <param name="committed">Up to where the log is.</param>
    /// <param name="now">When the step began.</param>
    public void Stepped(Effects effects, WaitingCalls calls, LogIndex committed, long now)
    {
        if (!_isAnyOffered && _uncommitted.Count == 0 && _arrived.Count == 0)
            return;
        _uncommitted.RemoveAll(write => write.Index <= committed);
        if (effects.Persist is [.., { Number: var number, Entries: [var first, ..] }])
            Append(effects, calls, number, first.Index, now);
        if (_uncommitted.Count > 0)
            Sign(effects.Send);
        _isAnyOffered = false;
        _arrived.Clear();
    }

    /// <summary>What was handed to the log under a number is on stable storage, and all before it.</summary>
    public void Flushed(long number)
    {
        while (_flushing.TryPeek(out var flushing) && flushing.Number <= number)
        {
            _flushing.Dequeue();
            var now = time.GetTimestamp();
            if (flushing.ArrivedAt is { } arrived)
                NodeTracing.TellBackup(flushing.Traces, arrived, flushing.AppendedAt, now, time);
            else
                NodeTracing.Tell(NodeTracing.Flush, flushing.Traces[0], flushing.AppendedAt, now, time);
        }
    }

    private void Append(Effects effects, WaitingCalls calls, long number, LogIndex first, long now)
    {
        if (_isAnyOffered)
        {
            foreach (var accepted in effects.Accepted)
            {
                if (calls.Offered(accepted.Ticket).Trace is not { } trace)
                    continue;
                _flushing.Enqueue(new Flushing(number, [trace], ArrivedAt: null, now));
                if (_uncommitted.Count < MostRemembered)
                    _uncommitted.Add((accepted.Index, trace));
            }
        }

        foreach (var (traces, last, at) in _arrived)
        {
            if (last >= first && traces.RemoveAll(trace => _told.Contains(trace.SpanId)) is { IsEmpty: false } news)
                _flushing.Enqueue(new Flushing(number, Remember(news), at, now));
        }
    }

    /// <summary>Entries may come again while they are flushed, and are told of once.</summary>
    private ImmutableArray<ActivityContext> Remember(ImmutableArray<ActivityContext> traces)
    {
        foreach (var trace in traces)
        {
            _told.Enqueue(trace.SpanId);
            if (_told.Count > MostRemembered)
                _told.Dequeue();
        }

        return traces;
    }

    private void Sign(List<Envelope> messages)
    {
        for (var at = 0; at < messages.Count; at++)
        {
            if (messages[at].Message is not PeerMessage.AppendRequest { Entries: { IsEmpty: false } entries } append)
                continue;
            ImmutableArray<string> traces =
            [
                .. _uncommitted
                    .Where(write => write.Index >= entries[0].Index && write.Index <= entries[^1].Index)
                    .Take(MostOfMessage)
                    .Select(write => Text(write.Trace)),
            ];
            if (!traces.IsEmpty)
                messages[at] = messages[at] with { Message = append with { Traces = traces } };
        }
    }

    /// <summary>As in the header <c>traceparent</c>.</summary>
    private static string Text(ActivityContext trace) =>
        $"00-{trace.TraceId}-{trace.SpanId}-{(int)trace.TraceFlags:x2}";

    /// <param name="Number">Of the persist.</param>
    /// <param name="Traces">Of one write here, or of those that came with a message.</param>
    /// <param name="ArrivedAt">When the message had; null: a write of a caller here.</param>
    /// <param name="AppendedAt">When the entries were handed over.</param>
    private readonly record struct Flushing(
        long Number, ImmutableArray<ActivityContext> Traces, long? ArrivedAt, long AppendedAt);
}
