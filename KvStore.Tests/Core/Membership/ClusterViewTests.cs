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
    public void A_birth_without_members_or_with_a_name_twice_is_refused()
    {
        Assert.Throws<ArgumentException>(() => ClusterView.Birth([], 64, 3));
        Assert.Throws<ArgumentException>(() => ClusterView.Birth([("a", 1), ("a", 2)], 64, 3));
        Assert.Throws<ArgumentException>(() => ClusterView.Birth([(null!, 1)], 64, 3));
    }
}
