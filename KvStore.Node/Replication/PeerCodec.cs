using System.Collections.Immutable;
using Google.Protobuf;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>Peer messages to and from the wire; the one place that knows both. See docs/formats.md.</summary>
internal static class PeerCodec
{
    /// <summary>The version of peer.proto that this node speaks.</summary>
    public const uint Protocol = 4;

    private static readonly long LatestMs = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    public static Wire.Message Encode(PartitionId partition, PeerMessage message)
    {
        var wire = new Wire.Message { Partition = (uint)partition.Value, Term = message.Term.Value };
        switch (message)
        {
            case PeerMessage.VoteRequest vote:
                wire.VoteRequest = new Wire.VoteRequest
                {
                    LastIndex = vote.LastIndex.Value,
                    LastTerm = vote.LastTerm.Value,
                    IsPreVote = vote.IsPreVote,
                    IsTransfer = vote.IsTransfer,
                    Era = vote.Era.Value,
                };
                break;
            case PeerMessage.VoteReply vote:
                wire.VoteReply = new Wire.VoteReply
                {
                    IsGranted = vote.IsGranted,
                    IsPreVote = vote.IsPreVote,
                    ClockMs = vote.Reading.Ms,
                    Era = vote.Reading.Era.Value,
                    ToldIn = vote.Reading.ToldIn.Value,
                };
                break;
            case PeerMessage.AppendRequest append:
                wire.AppendRequest = EncodeAppend(append);
                break;
            case PeerMessage.AppendReply reply:
                wire.AppendReply = new Wire.AppendReply
                {
                    IsAccepted = reply.IsAccepted,
                    Index = reply.Index.Value,
                    HintIndex = reply.HintIndex.Value,
                    HintTerm = reply.HintTerm.Value,
                };
                break;
            case PeerMessage.Heartbeat heartbeat:
                wire.Heartbeat = new Wire.Heartbeat
                {
                    Commit = heartbeat.Commit.Value,
                    Round = heartbeat.Round,
                    FreshAt = heartbeat.FreshAt.Value,
                    Stamp = heartbeat.Stamp,
                    Echo = heartbeat.Echo,
                    ClockMs = heartbeat.Reading.Ms,
                    Era = heartbeat.Reading.Era.Value,
                };
                break;
            case PeerMessage.HeartbeatReply reply:
                wire.HeartbeatReply = new Wire.HeartbeatReply
                {
                    Round = reply.Round,
                    Stamp = reply.Stamp,
                    Echo = reply.Echo,
                };
                break;
            case PeerMessage.TransferNow:
                wire.TransferNow = new Wire.TransferNow();
                break;
            default:
                throw new ArgumentException($"{message.GetType().Name} does not travel in a frame.", nameof(message));
        }

        return wire;
    }

    /// <summary>Reads a message of another node.</summary>
    /// <exception cref="InvalidDataException">
    /// The message says what no replica says: unknown kind, negative position.
    /// </exception>
    public static (PartitionId Partition, PeerMessage Message) Decode(Wire.Message wire)
    {
        var term = new Term(Position(wire.Term));
        return (Partition(wire.Partition), DecodeBody(term, wire));
    }

    /// <summary>Reads what stands before a snapshot's blocks.</summary>
    /// <exception cref="InvalidDataException">It says what no replica says.</exception>
    public static (PartitionId Partition, Term Term, Snapshot WithoutState) Decode(Wire.SnapshotHead wire)
    {
        var (term, index, indexTerm) = (
            new Term(Position(wire.Term)), Index(wire.Index), new Term(Position(wire.IndexTerm)));
        if (indexTerm > term)
            throw new InvalidDataException($"A snapshot at term {indexTerm} is sent in term {term}.");
        var configuration = GroupConfigurationFormat.Decode(wire.Configuration.Span);
        return (Partition(wire.Partition), term, new Snapshot(index, indexTerm, configuration, StateImage.Empty));
    }

    /// <summary>Reads what a member's state hashes to.</summary>
    /// <exception cref="InvalidDataException">It says what no replica says.</exception>
    public static (PartitionId Partition, LogIndex Index) Decode(Wire.StateHash wire) =>
        (Partition(wire.Partition), Index(wire.Index));

    private static PeerMessage DecodeBody(Term term, Wire.Message wire) => wire.BodyCase switch
    {
        Wire.Message.BodyOneofCase.VoteRequest => new PeerMessage.VoteRequest(
            term,
            Index(wire.VoteRequest.LastIndex),
            new Term(Position(wire.VoteRequest.LastTerm)),
            wire.VoteRequest.IsPreVote,
            wire.VoteRequest.IsTransfer,
            new Era(Position(wire.VoteRequest.Era))),
        Wire.Message.BodyOneofCase.VoteReply => new PeerMessage.VoteReply(
            term,
            wire.VoteReply.IsGranted,
            wire.VoteReply.IsPreVote,
            Reading(wire.VoteReply.Era, wire.VoteReply.ClockMs, new Term(Position(wire.VoteReply.ToldIn)))),
        Wire.Message.BodyOneofCase.AppendRequest => DecodeAppend(term, wire.AppendRequest),
        Wire.Message.BodyOneofCase.AppendReply => new PeerMessage.AppendReply(
            term,
            wire.AppendReply.IsAccepted,
            Index(wire.AppendReply.Index),
            Index(wire.AppendReply.HintIndex),
            new Term(Position(wire.AppendReply.HintTerm))),
        Wire.Message.BodyOneofCase.Heartbeat => new PeerMessage.Heartbeat(
            term,
            Index(wire.Heartbeat.Commit),
            Position(wire.Heartbeat.Round),
            Index(wire.Heartbeat.FreshAt),
            Position(wire.Heartbeat.Stamp),
            Position(wire.Heartbeat.Echo),
            Reading(wire.Heartbeat.Era, wire.Heartbeat.ClockMs, term)),
        Wire.Message.BodyOneofCase.HeartbeatReply => new PeerMessage.HeartbeatReply(
            term,
            Position(wire.HeartbeatReply.Round),
            Position(wire.HeartbeatReply.Stamp),
            Position(wire.HeartbeatReply.Echo)),
        Wire.Message.BodyOneofCase.TransferNow => new PeerMessage.TransferNow(term),
        _ => throw new InvalidDataException("A peer's message has no body that this version knows."),
    };

    private static Wire.AppendRequest EncodeAppend(PeerMessage.AppendRequest append)
    {
        var wire = new Wire.AppendRequest
        {
            PreviousIndex = append.PreviousIndex.Value,
            PreviousTerm = append.PreviousTerm.Value,
            Commit = append.Commit.Value,
            ClockMs = append.Reading.Ms,
            Era = append.Reading.Era.Value,
        };
        foreach (var entry in append.Entries)
        {
            wire.Entries.Add(new Wire.Entry
            {
                Term = entry.Term.Value,
                Kind = (uint)entry.Kind,
                Payload = UnsafeByteOperations.UnsafeWrap(entry.Payload),    // payloads never change
            });
        }

        if (!append.Traces.IsEmpty)
            wire.Traces.Add(append.Traces);
        return wire;
    }

    private static PeerMessage.AppendRequest DecodeAppend(Term term, Wire.AppendRequest wire)
    {
        var previous = Index(wire.PreviousIndex);
        var lastTerm = new Term(Position(wire.PreviousTerm));
        if (previous.Value > long.MaxValue - wire.Entries.Count)
            throw new InvalidDataException($"Entries behind {previous} have no index.");
        var index = previous;
        var entries = ImmutableArray.CreateBuilder<LogEntry>(wire.Entries.Count);
        foreach (var entry in wire.Entries)
        {
            index = index.Next();
            var entryTerm = new Term(Position(entry.Term));
            if (entryTerm < lastTerm || entryTerm > term)
                throw new InvalidDataException(
                    $"Entry {index} has term {entryTerm}, between {lastTerm} and {term} expected.");
            lastTerm = entryTerm;
            if (entry.Kind == (uint)EntryKind.Configuration
                && GroupConfigurationFormat.Decode(entry.Payload.Span).Era > Era.BegunIn(entryTerm))
                throw new InvalidDataException($"Entry {index} of term {entryTerm} is of a later era.");
            entries.Add(new LogEntry(index, entryTerm, Kind(entry.Kind), entry.Payload.Memory));
        }

        return new PeerMessage.AppendRequest(
            term,
            previous,
            new Term(wire.PreviousTerm),
            entries.MoveToImmutable(),
            Index(wire.Commit),
            Reading(wire.Era, wire.ClockMs, term))
        {
            Traces = wire.Traces.Count == 0 ? [] : [.. wire.Traces.Take(TracedWrites.MostOfMessage)],
        };
    }

    private static EntryKind Kind(uint kind) => kind is >= (uint)EntryKind.Empty and <= (uint)EntryKind.Configuration
        ? (EntryKind)kind
        : throw new InvalidDataException($"An entry of kind {kind} is not known to this version.");

    private static PartitionId Partition(uint number) => number <= int.MaxValue
        ? new PartitionId((int)number)
        : throw new InvalidDataException($"A peer named the partition {number}.");

    /// <summary>
    /// Of an era that had begun, and no later than a calendar has: what is stamped with it stays in the log for ever.
    /// </summary>
    private static ClockReading Reading(long era, long ms, Term toldIn)
    {
        if (ms > LatestMs)
            throw new InvalidDataException($"A peer said that it is {ms} ms since 1970; at most {LatestMs} expected.");
        if (Position(era) > toldIn.Value || (ms > 0 && era == 0))
            throw new InvalidDataException($"A peer was told the time of era {era} in term {toldIn}.");
        return new ClockReading(new Era(era), Position(ms), toldIn);
    }

    private static LogIndex Index(long value) => new(Position(value));

    private static long Position(long value) =>
        value >= 0 ? value : throw new InvalidDataException($"A peer sent the position {value}; 0 or more expected.");
}
