using KvStore.Core.Membership;
using KvStore.Node.Membership;
using KvStore.Node.Options;

namespace KvStore.Tests.Node.Membership;

public sealed class ClusterFormationTests
{
    private static readonly Uri First = new("http://localhost:8001");
    private static readonly Uri Second = new("http://localhost:8002");
    private static readonly Uri Third = new("http://localhost:8003");
    private static readonly ClusterView View = ClusterView.Birth([("node1", 1), ("node2", 2), ("node3", 3)], 8, 3);

    [Fact]
    public void Until_all_addresses_have_answered_it_waits_and_says_for_whom()
    {
        Assert.Null(Form([At(Second, "node2", 2)], out var waitingFor));
        Assert.Equal("waiting for http://localhost:8003 to answer", waitingFor);
        Assert.Null(Form([], out waitingFor));
        Assert.Contains("8002", waitingFor);
        Assert.Contains("8003", waitingFor);
    }

    [Fact]
    public void All_come_to_the_same_view_whatever_the_order_of_answers()
    {
        var here = Form([At(Second, "node2", 2), At(Third, "node3", 3)], out var waitingFor);
        var there = ClusterFormation.TryForm(
            Self("node3", 3), Options(), [First, Second], [At(Second, "node2", 2), At(First, "node1", 1)], out _);

        Assert.Null(waitingFor);
        Assert.Equal(View.ClusterId, here!.ClusterId);
        Assert.Equal(here.ClusterId, there!.ClusterId);
        Assert.Equal(here.Members, there.Members);
    }

    [Fact]
    public void A_node_whose_own_address_is_listed_under_another_name_meets_itself()
    {
        Uri self = new("http://127.0.0.1:8001");
        var view = ClusterFormation.TryForm(
            Self(),
            Options(),
            [self, Second, Third],
            [At(self, "node1", 1), At(Second, "node2", 2), At(Third, "node3", 3)],
            out _);
        Assert.Equal(View.ClusterId, view!.ClusterId);
    }

    [Fact]
    public void A_member_that_lost_its_view_takes_it_from_one_that_has_it_even_if_others_are_away()
    {
        var view = Form([At(Second, "node2", 2, View)], out _);
        Assert.Equal(View.ClusterId, view!.ClusterId);
        Assert.Equal(View.Members, view.Members);
    }

    [Fact]
    public void A_wiped_disk_does_not_pass_for_the_old_one()
    {
        var wiped = Self("node1", incarnation: 77);
        var view = ClusterFormation.TryForm(
            wiped, Options(), [Second, Third], [At(Second, "node2", 2, View), At(Third, "node3", 3, View)], out _);
        Assert.DoesNotContain(view!.Members, member => member.Incarnation == 77);
    }

    [Fact]
    public void The_newest_view_counts_and_in_that_a_replaced_disk_is_told_so()
    {
        var newer = View.Replace("node1", 77);
        PeerDirectory.Peer[] answers = [At(Second, "node2", 2, View), At(Third, "node3", 3, newer)];

        var taken = ClusterFormation.TryForm(Self("node1", 77), Options(), [Second, Third], answers, out _);
        Assert.Equal(newer.Members, taken!.Members);
        var refused = Assert.Throws<FormationException>(() => Form(answers, out _));
        Assert.Contains("the cluster went on with another one in its place", refused.Message);
    }

    [Fact]
    public void A_cluster_that_does_not_know_this_node_refuses_it()
    {
        var refused = Assert.Throws<FormationException>(() => ClusterFormation.TryForm(
            Self("node4", 4), Options(), [Second], [At(Second, "node2", 2, View)], out _));
        Assert.Contains("no member named node4", refused.Message);
    }

    [Fact]
    public void Nodes_of_two_clusters_are_not_mixed()
    {
        var other = ClusterView.Birth([("node1", 1), ("node3", 3)], 8, 3);
        var refused = Assert.Throws<FormationException>(
            () => Form([At(Second, "node2", 2, View), At(Third, "node3", 3, other)], out _));
        Assert.Contains("different clusters", refused.Message);
    }

    [Fact]
    public void A_cluster_that_is_not_what_its_members_make_is_refused()
    {
        var lie = Peers.Status("node2", 2, View) with { ClusterId = ClusterDocument.Hex(View.ClusterId + 1) };
        var refused = Assert.Throws<FormationException>(() => Form([new PeerDirectory.Peer(Second, lie)], out _));
        Assert.Contains("do not make the cluster", refused.Message);
    }

    [Fact]
    public void A_disk_of_another_cluster_does_not_serve_among_this_ones_nodes()
    {
        var stray = ClusterView.Birth([("node1", 1)], 8, 3);
        PeerDirectory.Peer[] both = [At(Second, "node2", 2, View), At(Third, "node3", 3, View)];

        var refused = Assert.Throws<FormationException>(() => ClusterFormation.CheckCompany(Self(), stray, 2, both));
        Assert.Contains("belongs to cluster", refused.Message);
        ClusterFormation.CheckCompany(Self(), stray, 2, both[..1]);
        ClusterFormation.CheckCompany(Self(), View, 2, both);
    }

    [Fact]
    public void Names_are_unique()
    {
        var refused = Assert.Throws<FormationException>(() => Form([At(Second, "node1", 2)], out _));
        Assert.Contains("NODE_NAME", refused.Message);
        refused = Assert.Throws<FormationException>(() => Form([At(Second, "node2", 2), At(Third, "node2", 3)], out _));
        Assert.Contains("named node2", refused.Message);
    }

    [Theory]
    [InlineData(16, 3)]
    [InlineData(8, 2)]
    public void Settings_of_a_new_cluster_must_agree(int partitions, int copies)
    {
        var odd = new PeerDirectory.Peer(Third, Peers.Status("node3", 3, partitions: partitions, copies: copies));
        var refused = Assert.Throws<FormationException>(() => Form([At(Second, "node2", 2), odd], out _));
        Assert.Contains("KVSTORE_PARTITIONS", refused.Message);
        Assert.Contains("node3", refused.Message);
    }

    [Fact]
    public void Without_other_addresses_a_node_is_a_cluster_of_its_own()
    {
        var view = ClusterFormation.TryForm(Self(), Options(), [], [], out _);
        Assert.Equal("node1", Assert.Single(view!.Members).Name);
    }

    [Fact]
    public void Nobody_founds_a_cluster_with_a_node_that_gave_up_the_data_of_one()
    {
        var waiting = Peers.Status("node3", 3) with { FormerClusterId = ClusterDocument.Hex(View.ClusterId) };

        Assert.Null(Form([At(Second, "node2", 2), new PeerDirectory.Peer(Third, waiting)], out var waitingFor));
        Assert.Contains("the data of node3 was of it", waitingFor);
    }

    [Fact]
    public void A_node_whose_data_was_damaged_goes_back_to_its_own_cluster_and_founds_none()
    {
        var renewed = Self("node1", incarnation: 77);
        PeerDirectory.Peer[] unborn = [At(Second, "node2", 2), At(Third, "node3", 3)];
        Assert.Null(ClusterFormation.TryForm(
            renewed, Options(), [Second, Third], unborn, out var waitingFor, former: View.ClusterId));
        Assert.Contains($"a member of cluster {ClusterDocument.Hex(View.ClusterId)}", waitingFor);

        PeerDirectory.Peer[] born = [At(Second, "node2", 2, View)];
        var view = ClusterFormation.TryForm(renewed, Options(), [Second, Third], born, out _, former: View.ClusterId);
        Assert.Equal(View.Members, view!.Members);
        var refused = Assert.Throws<FormationException>(() => ClusterFormation.TryForm(
            renewed, Options(), [Second, Third], born, out _, former: View.ClusterId + 1));
        Assert.Contains("its own cluster", refused.Message);
    }

    private static ClusterView? Form(PeerDirectory.Peer[] answers, out string? waitingFor) =>
        ClusterFormation.TryForm(Self(), Options(), [Second, Third], answers, out waitingFor);

    private static NodeIdentity Self(string name = "node1", ulong incarnation = 1) =>
        new(name, First, 18001, incarnation);

    private static NodeOptions Options() => new() { Name = "node1", Partitions = 8, ReplicationFactor = 3 };

    private static PeerDirectory.Peer At(Uri url, string name, ulong incarnation, ClusterView? view = null) =>
        new(url, Peers.Status(name, incarnation, view));
}
