using System.Threading.Channels;
using Grpc.Core;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Replication;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Wire = KvStore.Node.Replication.Wire;

namespace KvStore.Tests.Node.Replication;

/// <summary>
/// A node of three hears only members of its cluster, on the disks that it knows, and only what is meant for it.
/// </summary>
public sealed class PeerServiceTests : IDisposable
{
    private static readonly PartitionId Partition = new(3);
    private readonly RouterFixture _node = new(members: 3);
    private readonly NodeEnd _end = new(_ => { });
    private readonly PeerService _service;

    public PeerServiceTests() => _service = new PeerService(
        _node.Current,
        _node.Self,
        _node.Router,
        new ReceivedSnapshots(_node.Storage),
        _node.Comparer,
        new PinnedSnapshots(_node.Router, TimeProvider.System),
        new PeerLogs(TimeProvider.System),
        new NoCatalog(),
        _end,
        TimeProvider.System,
        NullLogger<PeerService>.Instance);

    public void Dispose()
    {
        _node.Dispose();
        _end.Dispose();
    }

    [Fact]
    public async Task A_members_messages_reach_the_replica_that_they_are_for()
    {
        _ = _node.Start();
        var changed = _node.Router.PrimaryChangedAsync(Partition, NodeId.None, CancellationToken.None);
        await LinkAsync(Heartbeat(Ends()));

        await changed.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal((new NodeId(2), new Term(4)), _node.Router.PrimaryOf(Partition));
    }

    [Theory]
    [InlineData("another cluster", StatusCode.FailedPrecondition)]
    [InlineData("another protocol", StatusCode.FailedPrecondition)]
    [InlineData("another receiver", StatusCode.FailedPrecondition)]
    [InlineData("this node on another disk", StatusCode.FailedPrecondition)]
    [InlineData("a sender that is no member", StatusCode.FailedPrecondition)]
    [InlineData("a member on another disk", StatusCode.FailedPrecondition)]
    [InlineData("nobody", StatusCode.InvalidArgument)]
    public async Task A_frame_with_wrong_ends_is_refused_and_nothing_of_it_is_used(string wrong, StatusCode code)
    {
        _ = _node.Start();
        var ends = Ends();
        Action change = wrong switch
        {
            "another cluster" => () => ends.Cluster++,
            "another protocol" => () => ends.Protocol++,
            "another receiver" => () => ends.Receiver = 3,
            "this node on another disk" => () => ends.ReceiverIncarnation++,
            "a sender that is no member" => () => ends.Sender = 9,
            "a member on another disk" => () => ends.SenderIncarnation++,
            _ => () => ends = null,
        };
        change();

        var refused = await Assert.ThrowsAsync<RpcException>(() => LinkAsync(Heartbeat(ends)));
        Assert.Equal(code, refused.StatusCode);
        var install = await Assert.ThrowsAsync<RpcException>(
            () => InstallAsync(new Wire.SnapshotHead { Ends = ends, Partition = 3 }));
        Assert.Equal(code, install.StatusCode);
        var compare = await Assert.ThrowsAsync<RpcException>(
            () => _service.Compare(new Wire.StateHash { Ends = ends, Partition = 3 }, new FakeCall()));
        Assert.Equal(code, compare.StatusCode);
        Assert.Equal(NodeId.None, _node.Router.PrimaryOf(Partition).Primary);
    }

    [Fact]
    public async Task A_member_whose_log_begins_anew_before_what_was_heard_of_it_is_refused_and_nothing_of_it_is_used()
    {
        _ = _node.Start();
        await LinkAsync(Frame(run: 1, logEnd: 10, flushed: 12), Frame(run: 1, logEnd: 10, flushed: 11));
        await LinkAsync(Frame(run: 2, logEnd: 12, flushed: 15));    // it has all that it had told of
        await LinkAsync(Frame(run: 2, logEnd: 12, flushed: 16));    // the link alone was broken

        var forgot = Heartbeat(Frame(run: 3, logEnd: 15, flushed: 0).Ends);
        var refused = await Assert.ThrowsAsync<RpcException>(() => LinkAsync(forgot));
        Assert.Equal(StatusCode.DataLoss, refused.StatusCode);
        Assert.Contains("frame 15 when it started, and had 16 before", refused.Status.Detail);
        var install = await Assert.ThrowsAsync<RpcException>(
            () => InstallAsync(new Wire.SnapshotHead { Ends = forgot.Ends, Partition = 3 }));
        Assert.Equal(StatusCode.DataLoss, install.StatusCode);
        Assert.Equal(NodeId.None, _node.Router.PrimaryOf(Partition).Primary);
        await LinkAsync(Frame(run: 4, logEnd: 16, flushed: 0));

        Wire.Frame Frame(ulong run, ulong logEnd, ulong flushed)
        {
            var ends = Ends();
            (ends.Run, ends.LogEnd) = (run, logEnd);
            return new Wire.Frame { Ends = ends, Flushed = flushed };
        }
    }

    [Fact]
    public void Of_two_processes_on_copies_of_one_disk_the_one_that_is_heard_stays_and_none_is_called_older()
    {
        var (time, original, copy) = (new FakeTimeProvider(), Ends(), Ends());
        (original.Run, original.LogEnd, copy.Run, copy.LogEnd) = (1, 1, 2, 9);
        PeerLogs logs = new(time);
        Assert.Equal(DiskClaim.Sound, logs.Hear(original, 9, out _));

        Assert.Equal(DiskClaim.Taken, logs.Hear(copy, 9, out _));
        Assert.Equal(DiskClaim.Sound, logs.Hear(original, 10, out _));
        time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(DiskClaim.Forgotten, logs.Hear(copy, 9, out _));    // the original went further meanwhile
        copy.LogEnd = 10;
        Assert.Equal(DiskClaim.Sound, logs.Hear(copy, 10, out _));
        Assert.Equal(DiskClaim.Taken, logs.Hear(original, 10, out _));

        logs.Ended(original);    // says nothing of the one that is heard
        Assert.Equal(DiskClaim.Taken, logs.Hear(original, 10, out _));
        logs.Ended(copy);
        original.Run = 3;
        original.LogEnd = 10;
        Assert.Equal(DiskClaim.Sound, logs.Hear(original, 10, out _));
    }

    [Fact]
    public async Task A_node_without_a_view_hears_nobody()
    {
        var refused = await Assert.ThrowsAsync<RpcException>(() => LinkAsync(Heartbeat(Ends())));
        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
    }

    [Fact]
    public async Task A_message_that_no_replica_says_breaks_the_link()
    {
        _ = _node.Start();
        var frame = Heartbeat(Ends());
        frame.Messages[0].Term = -4;

        Assert.Equal(
            StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(() => LinkAsync(frame))).StatusCode);
    }

    [Fact]
    public async Task A_link_ends_when_the_node_has_handed_over_and_nothing_that_comes_later_is_used()
    {
        _ = _node.Start();
        Frames<Wire.Frame> frames = new();
        var link = _service.Link(frames, new FakeCall());
        Assert.False(link.IsCompleted);
        _end.EndLinks();

        await link.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        var changed = _node.Router.PrimaryChangedAsync(Partition, NodeId.None, CancellationToken.None);
        await LinkAsync(Heartbeat(Ends()));
        Term before = new(3);    // the heartbeat of a later term, had it come through, would make this one void
        _node.Router.Receive(
            new NodeId(3), [(Partition, new PeerMessage.Heartbeat(before, default, Round: 1, default))]);
        await changed.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal((new NodeId(3), before), _node.Router.PrimaryOf(Partition));
    }

    [Fact]
    public async Task A_snapshot_that_is_no_image_is_refused_and_leaves_nothing()
    {
        _ = _node.Start();
        var head = new Wire.SnapshotHead { Ends = Ends(), Partition = 3, Term = 4, Index = 10, IndexTerm = 4 };

        var refused = await Assert.ThrowsAsync<RpcException>(() => InstallAsync(head, [1, 2, 3]));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.Empty(Directory.GetFiles(_node.Storage.Directory.Snapshots, "*10*"));
        head.Index = -10;
        Assert.Equal(
            StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(() => InstallAsync(head))).StatusCode);
        head.Partition = 5000;
        Assert.Equal(
            StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(() => InstallAsync(head))).StatusCode);
    }

    [Fact]
    public async Task A_hash_is_answered_by_the_own_one_and_says_nothing_to_a_version_that_hashes_otherwise()
    {
        _ = _node.Start();
        var index = new LogIndex(1);
        Wire.Frame frame = new() { Ends = Ends() };
        frame.Messages.Add(PeerCodec.Encode(Partition, new PeerMessage.AppendRequest(
            new Term(4), default, default, [new LogEntry(index, new Term(4), EntryKind.Empty, default)], index)));
        await LinkAsync(frame);
        Wire.StateHashReply reply = new();
        for (Wire.StateHash same = Hash(0); !reply.HasHash; reply = await _service.Compare(same, new FakeCall()))
            await _node.Comparer.LookAsync(TestContext.Current.CancellationToken);
        Assert.Equal(StateImage.Empty.Hash(), reply.Hash);
        Assert.Empty(_node.Log.Lines);

        reply = await _service.Compare(Hash(1, formatsAhead: 1), new FakeCall());
        Assert.False(reply.HasHash);
        Assert.Empty(_node.Log.Lines);
        await _service.Compare(Hash(1), new FakeCall());
        Assert.Single(_node.Log.Lines);
        var wrong = Hash(1);
        wrong.Index = -1;
        var refused = await Assert.ThrowsAsync<RpcException>(() => _service.Compare(wrong, new FakeCall()));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);

        Wire.StateHash Hash(ulong plus, uint formatsAhead = 0) => new()
        {
            Ends = Ends(),
            Partition = (uint)Partition.Value,
            Index = index.Value,
            Format = StateImage.HashFormat + formatsAhead,
            Hash = StateImage.Empty.Hash() + plus,
        };
    }

    private static Wire.Frame Heartbeat(Wire.Ends? ends)
    {
        Wire.Frame frame = new() { Ends = ends };
        frame.Messages.Add(
            PeerCodec.Encode(Partition, new PeerMessage.Heartbeat(new Term(4), default, Round: 1, default)));
        return frame;
    }

    private Wire.Ends Ends() => new()
    {
        Cluster = _node.View.ClusterId,
        Sender = 2,
        SenderIncarnation = 2,
        Receiver = 1,
        ReceiverIncarnation = _node.Self.Incarnation,
        Protocol = PeerCodec.Protocol,
    };

    private Task LinkAsync(params Wire.Frame[] frames) => _service.Link(new Frames<Wire.Frame>(frames), new FakeCall());

    private Task InstallAsync(Wire.SnapshotHead head, params byte[][] blocks) => _service.Install(
        new Frames<Wire.SnapshotChunk>([
            new Wire.SnapshotChunk { Head = head },
            .. blocks.Select(block => new Wire.SnapshotChunk { Block = Google.Protobuf.ByteString.CopyFrom(block) })]),
        new FakeCall());

    /// <summary>
    /// Gives what it was made of and then ends; made of nothing, it never ends. As a call's own stream does, it gives
    /// nothing to whoever does not want it any more.
    /// </summary>
    private sealed class Frames<T>(params T[] frames) : IAsyncStreamReader<T>
    {
        private readonly Channel<T> _none = Channel.CreateBounded<T>(10_000);
        private int _next = -1;

        public T Current => frames[_next];

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (frames.Length == 0)
                await _none.Reader.ReadAsync(cancellationToken);
            return ++_next < frames.Length;
        }
    }

    private sealed class NoCatalog : ICatalog
    {
        public ValueTask<bool> RenewAsync(CancellationToken deadline) => throw new NotSupportedException();
    }

    private sealed class FakeCall : ServerCallContext
    {
        protected override string MethodCore => "";

        protected override string HostCore => "";

        protected override string PeerCore => "";

        protected override DateTime DeadlineCore => DateTime.MaxValue;

        protected override Metadata RequestHeadersCore => [];

        protected override CancellationToken CancellationTokenCore => CancellationToken.None;

        protected override Metadata ResponseTrailersCore => [];

        protected override Status StatusCore { get; set; }

        protected override WriteOptions? WriteOptionsCore { get; set; }

        protected override AuthContext AuthContextCore => new(null, []);

        protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
            throw new NotSupportedException();

        protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;
    }
}
