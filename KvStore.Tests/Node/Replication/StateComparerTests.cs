using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Storage;
using Microsoft.Extensions.Logging;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Node.Replication;

/// <summary>A node of three hears what the other two came to, and does what follows.</summary>
public sealed class StateComparerTests : IDisposable
{
    private static readonly PartitionId Partition = new(3);
    private static readonly LogIndex Marked = new(2);
    private static readonly Term Four = new(4);
    private readonly RouterFixture _node = new(members: 3);

    public void Dispose() => _node.Dispose();

    private bool IsMarked => File.Exists(Path.Combine(_node.Storage.Directory.Wal, DataDirectory.CondemnedName));

    [Fact]
    public async Task Copies_that_are_the_same_are_nothing_to_speak_of()
    {
        var hash = await ApplyAsync();
        Assert.Null(Hear(2, hash));    // not compared yet
        await LookAsync();

        Assert.Equal(hash, Hear(3, hash));
        Assert.Empty(_node.Log.Lines);
        Assert.Empty(_node.Ends);
    }

    [Fact]
    public async Task The_odd_one_out_says_so_marks_its_disk_and_ends()
    {
        var hash = await ApplyAsync();
        await LookAsync();
        Hear(2, hash + 1);
        Assert.Empty(_node.Ends);
        Hear(3, hash + 1);

        Assert.True(IsMarked);
        var damaged = Assert.Throws<DataDamagedException>(_node.Storage.Directory.CheckNotCondemned);
        foreach (var told in new[] { Assert.Single(_node.Ends), _node.Log.Lines[^1].Text, damaged.Message })
        {
            Assert.Contains("Partition 3: at index 2 its copies differ", told);
            Assert.Contains($"member 1 (this node) has {hash:x16}, member 2 has {hash + 1:x16}", told);
            Assert.Contains("odd one out", told);
        }

        Assert.All(_node.Log.Lines, line => Assert.Equal(LogLevel.Critical, line.Level));
    }

    [Fact]
    public async Task It_also_ends_if_the_others_were_first()
    {
        var hash = await ApplyAsync();
        Hear(2, hash + 1);
        Hear(3, hash + 1);
        Assert.Empty(_node.Ends);
        await LookAsync();

        Assert.Single(_node.Ends);
        Assert.True(IsMarked);
    }

    [Fact]
    public async Task Without_a_majority_the_node_ends_and_no_disk_is_said_to_be_wrong()
    {
        var hash = await ApplyAsync();
        await LookAsync();
        Hear(2, hash + 1);
        Hear(3, hash + 2);

        Assert.False(IsMarked);
        Assert.Contains("nobody knows which is right", Assert.Single(_node.Ends));
    }

    [Fact]
    public async Task Who_is_with_the_majority_only_says_that_another_differs()
    {
        var hash = await ApplyAsync();
        await LookAsync();
        Hear(2, hash + 1);
        Hear(3, hash);

        Assert.Empty(_node.Ends);
        Assert.False(IsMarked);
        Assert.All(_node.Log.Lines, line => Assert.Contains("This node goes on", line.Text));
        Assert.NotEmpty(_node.Log.Lines);
    }

    [Fact]
    public async Task A_partition_that_is_not_here_and_a_mark_that_is_not_known_are_not_answered()
    {
        await ApplyAsync();
        await LookAsync();

        Assert.Null(_node.Comparer.Hear(Partition, new NodeId(2), new LogIndex(9), 1));
        Assert.Null(_node.Comparer.Hear(new PartitionId(5000), new NodeId(2), Marked, 1));
    }

    private ulong? Hear(int member, ulong hash) => _node.Comparer.Hear(Partition, new NodeId(member), Marked, hash);

    private Task LookAsync() => _node.Comparer.LookAsync(TestContext.Current.CancellationToken);

    /// <summary>A write, a mark and another write come from the primary; gives the hash at the mark.</summary>
    private async Task<ulong> ApplyAsync()
    {
        _ = _node.Start();
        var (first, second) = (CommandFormat.Encode(Put("k", "v")), CommandFormat.Encode(Put("behind", "v")));
        _node.Router.Receive(Partition, new NodeId(2), new PeerMessage.AppendRequest(
            Four,
            LogIndex.Zero,
            Term.Zero,
            [
                new LogEntry(new LogIndex(1), Four, EntryKind.Command, first),
                new LogEntry(Marked, Four, EntryKind.Empty, default),
                new LogEntry(new LogIndex(3), Four, EntryKind.Command, second),
            ],
            new LogIndex(3)));
        while (_node.Router.ReadLocal(Partition)!.Image.Find("behind"u8) is null)
            await Task.Yield();
        KeyValueState state = new(StateImage.Empty);
        state.Apply(new LogIndex(1), Four, first);
        return state.Image.Hash();
    }
}
