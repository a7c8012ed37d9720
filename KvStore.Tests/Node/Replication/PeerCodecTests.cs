using CsCheck;
using Google.Protobuf;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Replication;
using Wire = KvStore.Node.Replication.Wire;

namespace KvStore.Tests.Node.Replication;

public sealed class PeerCodecTests
{
    private static readonly Gen<long> Positions = Gen.OneOf(Gen.Long[0, 100], Gen.Long[0, long.MaxValue / 2]);

    /// <summary>Of an era no later than the term.</summary>
    private static readonly Gen<(long Term, ClockReading Reading)> Told =
        Gen.Select(Gen.Long[1, long.MaxValue / 2], Gen.Long[1, 1L << 40], Gen.Double[0, 1], Gen.Bool).Select(
            (term, ms, part, isTold) => (
                term,
                isTold
                    ? new ClockReading(new Era(Math.Clamp((long)(term * part), 1, term)), ms, new Term(term))
                    : new ClockReading(default, 0, new Term(term))));

    private static readonly Gen<PeerMessage> Messages = Gen.OneOf(
        Gen.Select(Positions, Positions, Positions, Gen.Bool, Gen.Bool, Positions).Select(
            (term, index, last, isPre, isTransfer, era) => (PeerMessage)new PeerMessage.VoteRequest(
                new Term(term), new LogIndex(index), new Term(last), isPre, isTransfer, new Era(era))),
        Gen.Select(Positions, Gen.Bool, Gen.Bool, Told, (term, isGranted, isPre, told) =>
            (PeerMessage)new PeerMessage.VoteReply(new Term(term), isGranted, isPre, told.Reading)),
        Gen.Select(
            Positions,
            Gen.Select(Gen.Bool, Gen.Byte.Array[0, 50]).Array[0, 8],
            Positions,
            Told,
            (previous, entries, commit, told) =>
            (PeerMessage)new PeerMessage.AppendRequest(
                new Term(told.Term),
                new LogIndex(previous),
                new Term(told.Term),
                [.. entries.Select((entry, at) => new LogEntry(
                    new LogIndex(previous + at + 1),
                    new Term(told.Term),
                    entry.Item1 ? EntryKind.Empty : EntryKind.Command,
                    entry.Item2))],
                new LogIndex(commit),
                told.Reading)
            {
                Traces = [.. entries.Select(entry => $"{entry.Item2.Length}")],
            }),
        Gen.Select(Positions, Gen.Bool, Positions, Positions, (term, isAccepted, index, hint) =>
            (PeerMessage)new PeerMessage.AppendReply(
                new Term(term), isAccepted, new LogIndex(index), new LogIndex(hint), new Term(hint))),
        Gen.Select(Positions, Positions, Positions, Positions, Positions, Told)
            .Select((commit, round, freshAt, stamp, echo, told) => (PeerMessage)new PeerMessage.Heartbeat(
                new Term(told.Term), new LogIndex(commit), round, new LogIndex(freshAt), stamp, echo, told.Reading)),
        Gen.Select(Positions, Positions, Positions, Positions, (term, round, stamp, echo) =>
            (PeerMessage)new PeerMessage.HeartbeatReply(new Term(term), round, stamp, echo)),
        Positions.Select(term => (PeerMessage)new PeerMessage.TransferNow(new Term(term))));

    [Fact]
    public void A_message_comes_back_as_it_was() =>
        Gen.Select(Messages, Gen.Int[0, 4095]).Sample((message, partition) =>
    {
        var bytes = PeerCodec.Encode(new PartitionId(partition), message).ToByteArray();
        var (back, read) = PeerCodec.Decode(Wire.Message.Parser.ParseFrom(bytes));

        Assert.Equal(partition, back.Value);
        AssertEqual(message, read);
    }, iter: 3000);

    [Fact]
    public void A_state_does_not_travel_in_a_frame() => Assert.Throws<ArgumentException>(() => PeerCodec.Encode(
        new PartitionId(1),
        new PeerMessage.InstallSnapshot(
            new Term(1), new Snapshot(new LogIndex(1), new Term(1), Keepers, StateImage.Empty))));

    private static GroupConfiguration Keepers { get; } = new([new NodeId(1), new NodeId(2)], [new NodeId(3)]);

    public static TheoryData<string, byte[]> Lies => new()
    {
        { "no body", new Wire.Message { Term = 1 }.ToByteArray() },
        { "a negative term", new Wire.Message { Term = -1, TransferNow = new() }.ToByteArray() },
        { "a partition too large", new Wire.Message { Partition = uint.MaxValue, TransferNow = new() }.ToByteArray() },
        { "a negative index", new Wire.Message { VoteRequest = new() { LastIndex = -1 } }.ToByteArray() },
        { "a negative last term", new Wire.Message { VoteRequest = new() { LastTerm = long.MinValue } }.ToByteArray() },
        { "a negative hint", new Wire.Message { AppendReply = new() { HintIndex = -5 } }.ToByteArray() },
        { "a negative round", new Wire.Message { Heartbeat = new() { Round = -1 } }.ToByteArray() },
        { "a negative commit", new Wire.Message { Heartbeat = new() { Commit = -1 } }.ToByteArray() },
        { "a negative stamp", new Wire.Message { Heartbeat = new() { Stamp = -1 } }.ToByteArray() },
        { "a negative time", new Wire.Message { VoteReply = new() { ClockMs = -1, ToldIn = 1 } }.ToByteArray() },
        {
            "a time of no calendar",
            new Wire.Message { Term = 1, Heartbeat = new() { ClockMs = 1L << 48, Era = 1 } }.ToByteArray()
        },
        { "a time of no era", new Wire.Message { Term = 1, Heartbeat = new() { ClockMs = 1 } }.ToByteArray() },
        { "a later era", new Wire.Message { Term = 1, Heartbeat = new() { ClockMs = 1, Era = 2 } }.ToByteArray() },
        {
            "an era that began after it was told",
            new Wire.Message { Term = 9, VoteReply = new() { ClockMs = 1, Era = 2, ToldIn = 1 } }.ToByteArray()
        },
        {
            "a configuration of a later era",
            Append(new Wire.Entry
            {
                Term = 5,
                Kind = 3,
                Payload = ByteString.CopyFrom(GroupConfigurationFormat.Encode(Keepers.WithEra(new Era(6)))),
            }).ToByteArray()
        },
        { "a negative echo", new Wire.Message { HeartbeatReply = new() { Echo = -1 } }.ToByteArray() },
        { "a round back that is negative", new Wire.Message { HeartbeatReply = new() { Round = -1 } }.ToByteArray() },
        { "an entry of no kind", Append(new Wire.Entry { Term = 1 }).ToByteArray() },
        { "an entry of another kind", Append(new Wire.Entry { Term = 1, Kind = 4 }).ToByteArray() },
        { "a configuration that is none", Append(new Wire.Entry { Term = 1, Kind = 3 }).ToByteArray() },
        { "an entry of a kind that is no byte", Append(new Wire.Entry { Term = 1, Kind = 257 }).ToByteArray() },
        { "an entry of a later term than the message", Append(new Wire.Entry { Term = 8, Kind = 1 }).ToByteArray() },
        {
            "entries whose terms fall",
            Append(new Wire.Entry { Term = 5, Kind = 1 }, new Wire.Entry { Term = 4, Kind = 1 }).ToByteArray()
        },
        {
            "an entry before the one before",
            Append(previousTerm: 6, new Wire.Entry { Term = 5, Kind = 1 }).ToByteArray()
        },
        {
            "entries behind the last index",
            new Wire.Message
            {
                Term = 7,
                AppendRequest = new() { PreviousIndex = long.MaxValue, Entries = { new Wire.Entry { Kind = 1 } } },
            }.ToByteArray()
        },
    };

    [Theory, MemberData(nameof(Lies))]
    public void What_no_replica_says_is_refused(string what, byte[] wire)
    {
        Assert.NotEmpty(what);
        var message = Wire.Message.Parser.ParseFrom(wire);
        Assert.NotEmpty(Assert.Throws<InvalidDataException>(() => PeerCodec.Decode(message)).Message);
    }

    [Fact]
    public void A_snapshot_head_is_proved_like_a_message()
    {
        var good = new Wire.SnapshotHead
        {
            Partition = 3,
            Term = 7,
            Index = 9,
            IndexTerm = 6,
            Configuration = ByteString.CopyFrom(GroupConfigurationFormat.Encode(Keepers)),
        };
        Assert.Equal(
            (new PartitionId(3), new Term(7), new Snapshot(new LogIndex(9), new Term(6), Keepers, StateImage.Empty)),
            PeerCodec.Decode(good));
        foreach (var wrong in new Action<Wire.SnapshotHead>[]
        {
            head => head.Partition = uint.MaxValue, head => head.Term = -1, head => head.Index = -1,
            head => head.IndexTerm = -1, head => head.IndexTerm = 8, head => head.Configuration = ByteString.Empty,
        })
        {
            var head = good.Clone();
            wrong(head);
            Assert.Throws<InvalidDataException>(() => PeerCodec.Decode(head));
        }
    }

    [Fact]
    public void Garbage_is_refused_or_read_without_absurd_allocations()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        Gen.Byte.Array[0, 200].Sample(bytes => TryRead(bytes), iter: 20_000, threads: 1);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 400_000_000);
    }

    [Fact]
    public void A_frame_with_a_changed_byte_is_refused_or_read() => Messages.Sample(message =>
    {
        var frame = new Wire.Frame { Ends = new Wire.Ends { Cluster = 1, Sender = 2 } };
        frame.Messages.Add(PeerCodec.Encode(new PartitionId(1), message));
        var bytes = frame.ToByteArray();
        for (var at = 0; at < bytes.Length; at++)
        {
            var changed = (byte[])bytes.Clone();
            changed[at] ^= 0xFF;
            TryRead(changed);
            TryRead(bytes[..at]);
        }
    }, iter: 100);

    private static void TryRead(byte[] bytes)
    {
        try
        {
            foreach (var message in Wire.Frame.Parser.ParseFrom(bytes).Messages)
                PeerCodec.Decode(message);
        }
        catch (Exception failure) when (failure is InvalidDataException or InvalidProtocolBufferException)
        {
            // refused: the link is broken, the node goes on
        }
    }

    private static Wire.Message Append(params Wire.Entry[] entries) => Append(previousTerm: 1, entries);

    private static Wire.Message Append(long previousTerm, params Wire.Entry[] entries)
    {
        var wire = new Wire.Message
        {
            Term = 7,
            AppendRequest = new() { PreviousIndex = 1, PreviousTerm = previousTerm }
        };
        wire.AppendRequest.Entries.AddRange(entries);
        return wire;
    }

    private static void AssertEqual(PeerMessage expected, PeerMessage actual)
    {
        if (expected is not PeerMessage.AppendRequest append)
        {
            Assert.Equal(expected, actual);
            return;
        }

        var read = Assert.IsType<PeerMessage.AppendRequest>(actual);
        Assert.Equal(append with { Entries = [], Traces = [] }, read with { Entries = [], Traces = [] });
        Assert.Equal(append.Traces, read.Traces);
        Assert.Equal(
            append.Entries.Select(
                entry => (entry.Index, entry.Term, entry.Kind, Convert.ToHexString(entry.Payload.Span))),
            read.Entries.Select(
                entry => (entry.Index, entry.Term, entry.Kind, Convert.ToHexString(entry.Payload.Span))));
    }
}
