using KvStore.Core.Membership;
using KvStore.Core.Primitives;

namespace KvStore.Tests.Core.Membership;

public sealed class ClusterViewTests
{
    private static readonly (string, ulong)[] Three = [("b", 20), ("a", 10), ("C", 30)];

    [Fact]
    public void Every_member_comes_to_the_same_first_view_on_its_own()
    {
        var one = ClusterView.Birth(Three, 64, 3);
        var other = ClusterView.Birth(Three.Reverse(), 64, 3);

        Assert.Equal(one.ClusterId, other.ClusterId);
        Assert.Equal(one.Members, other.Members);
        Assert.Equal(new Epoch(1), one.Epoch);
        for (var partition = 0; partition < 64; partition++)
        {
            Assert.Equal(
                one.Ring.PreferenceList(new PartitionId(partition)),
                other.Ring.PreferenceList(new PartitionId(partition)));
        }
    }

    [Fact]
    public void Ids_count_from_one_in_ordinal_order_of_the_names() =>
        Assert.Equal(
            [new Member(new(1), "C", 30), new Member(new(2), "a", 10), new Member(new(3), "b", 20)],
            ClusterView.Birth(Three, 64, 3).Members);

    [Fact]
    public void Whatever_a_cluster_is_born_of_names_it()
    {
        ulong[] ids =
        [
            ClusterView.Birth(Three, 64, 3).ClusterId,
            ClusterView.Birth(Three, 32, 3).ClusterId,
            ClusterView.Birth(Three, 64, 2).ClusterId,
            ClusterView.Birth(Three[..2], 64, 3).ClusterId,
            ClusterView.Birth([("b", 20), ("a", 10), ("D", 30)], 64, 3).ClusterId,
            ClusterView.Birth([("b", 20), ("a", 11), ("C", 30)], 64, 3).ClusterId,
            ClusterView.Birth([("b", 10), ("a", 20), ("C", 30)], 64, 3).ClusterId,
        ];

        Assert.Equal(ids.Length, ids.Distinct().Count());
    }

    /// <summary>Nodes of different builds must agree on it.</summary>
    [Fact]
    public void The_cluster_id_is_the_one_of_the_first_release() =>
        Assert.Equal(16733093835782853578UL, ClusterView.Birth(Three, 64, 3).ClusterId);

    [Fact]
    public void Fewer_members_than_copies_make_a_copy_each()
    {
        var view = ClusterView.Birth(Three[..2], 16, 3);

        Assert.Equal(3, view.Ring.ReplicationFactor);
        Assert.Equal(2, view.Ring.PreferenceList(new PartitionId(0)).Length);
    }

    [Fact]
    public void A_replaced_disk_leaves_a_tombstone_and_its_successor_has_an_id_that_nobody_had()
    {
        var born = ClusterView.Birth(Three, 64, 3);
        var first = born.Replace("a", 11);
        var second = first.Replace("b", 21).Replace("a", 12);

        Assert.Equal(
            [new Member(new(1), "C", 30), new Member(new(3), "b", 20), new Member(new(4), "a", 11)], first.Members);
        Assert.Equal([new Member(new(2), "a", 10)], first.Removed);
        Assert.Equal(
            [new Member(new(1), "C", 30), new Member(new(5), "b", 21), new Member(new(6), "a", 12)], second.Members);
        Assert.Equal(
            [new Member(new(2), "a", 10), new Member(new(3), "b", 20), new Member(new(4), "a", 11)], second.Removed);
        Assert.Equal((new Epoch(2), new Epoch(4)), (first.Epoch, second.Epoch));
        Assert.Equal(3, born.Members.Length);
        Assert.Empty(born.Removed);
    }

    [Fact]
    public void The_disk_of_a_member_or_of_a_tombstone_never_comes_as_another_member()
    {
        var view = ClusterView.Birth(Three, 64, 3).Replace("a", 11);

        Assert.Throws<ArgumentException>(() => view.Replace("a", 10));    // its own of before
        Assert.Throws<ArgumentException>(() => view.Replace("a", 11));
        Assert.Throws<ArgumentException>(() => view.Replace("b", 10));
        Assert.Throws<ArgumentException>(() => view.Replace("b", 30));
        Assert.Throws<ArgumentException>(() => view.Replace("d", 40));
    }

    /// <summary>What was decided before a disk was replaced rests on who the groups were born with.</summary>
    [Fact]
    public void A_replacement_changes_neither_the_cluster_nor_whom_its_groups_were_born_with()
    {
        var born = ClusterView.Birth(Three, 64, 3);
        var next = born.Replace("C", 31);

        Assert.Equal((born.ClusterId, born.Founders), (next.ClusterId, next.Founders));
        for (var group = 0; group < born.GroupCount; group++)
        {
            Assert.Equal(born.FoundersOf(new PartitionId(group)), next.FoundersOf(new PartitionId(group)));
            Assert.Equal(
                born.KeepersOf(new PartitionId(group)).Select(id => id == new NodeId(1) ? new NodeId(4) : id),
                next.KeepersOf(new PartitionId(group)));
        }
    }

    [Fact]
    public void A_birth_without_members_or_with_a_name_twice_is_refused()
    {
        Assert.Throws<ArgumentException>(() => ClusterView.Birth([], 64, 3));
        Assert.Throws<ArgumentException>(() => ClusterView.Birth([("a", 1), ("a", 2)], 64, 3));
        Assert.Throws<ArgumentException>(() => ClusterView.Birth([(null!, 1)], 64, 3));
    }
}
