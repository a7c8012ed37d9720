using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using static KvStore.Tests.Core.Replication.ReplicaDriver;

namespace KvStore.Tests.Core.Replication;

/// <summary>Positions at which replicas compare their states: empty entries, so that all have the same ones.</summary>
public sealed class MarkTests
{
    [Fact]
    public void A_mark_is_an_empty_entry_that_is_committed_like_any_other()
    {
        var driver = CommittedPrimary();
        var last = driver.Core.LastIndex;

        var marked = driver.Step(new Input.Mark());
        var entry = Assert.Single(Assert.Single(marked.Persist).Entries);
        Assert.Equal((last.Next(), EntryKind.Empty, 0), (entry.Index, entry.Kind, entry.Payload.Length));
        Assert.Empty(marked.Accepted);
        driver.Flush();
        Assert.Equal([last.Next().Value], driver.Acknowledge(2).Committed());
    }

    [Fact]
    public void A_backup_makes_no_mark()
    {
        ReplicaDriver driver = new();

        Assert.Empty(driver.Step(new Input.Mark()).Persist);
        Assert.Equal(LogIndex.Zero, driver.Core.LastIndex);
    }

    [Fact]
    public void Who_hands_over_makes_no_mark()
    {
        var driver = CommittedPrimary();
        driver.Step(new Input.Transfer(new NodeId(2)));

        Assert.Empty(driver.Step(new Input.Mark()).Persist);
    }
}
