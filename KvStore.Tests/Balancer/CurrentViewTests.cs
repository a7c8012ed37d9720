using KvStore.Balancer.Api;
using KvStore.Balancer.Membership;
using KvStore.Contracts;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Balancer;

/// <summary>The view and what is judged by it, without a network: only what nodes would say.</summary>
public sealed class CurrentViewTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(1);

    private static readonly Uri[] Urls =
        [new("http://10.0.0.1:1"), new("http://10.0.0.2:2"), new("http://10.0.0.3:3")];

    private readonly FakeTimeProvider _time = new();
    private readonly CurrentView _views;

    public CurrentViewTests()
    {
        _views = new(_time, NullLogger<CurrentView>.Instance);
        _views.SetAddresses([.. Urls]);
    }

    private RoutingView View => _views.Value;

    private ClusterHealth Health => HealthPolicy.Judge(View, _time);

    [Fact]
    public void Of_two_primaries_the_one_of_the_higher_term_is_believed_whoever_speaks_last()
    {
        Says(1, primary: 1, term: 5);
        Says(2, primary: 2, term: 6);
        Says(3, primary: 1, term: 5);
        Assert.All(View.Primaries, primary => Assert.Equal((2, 6), (primary.Member, primary.Term)));
        Assert.Equal("node2", View.RouteOf(new(0))[0].Name);
    }

    [Fact]
    public void A_node_that_knows_no_primary_takes_none_away()
    {
        Says(1, primary: 1, term: 5);
        Says(2, primary: 0, term: 9);
        _views.WasLate(Urls[2], Timeout);
        Assert.Equal(1, View.Primaries[3].Member);
    }

    /// <summary>A node on the disk of another cluster would take writes that the others never see.</summary>
    [Fact]
    public void A_cluster_is_known_when_all_were_asked_and_half_of_them_belong_to_it()
    {
        Says(3, primary: 3, term: 5, cluster: "00000000000000bb");
        Assert.Equal((null, 0), (View.Cluster, View.Everyone.Length));
        Says(1, primary: 1, term: 5);
        Assert.Equal((null, 0), (View.Cluster, View.Everyone.Length));
        _views.WasLate(Urls[1], Timeout);
        Assert.Equal((null, 0), (View.Cluster, View.Everyone.Length));    // one against one
        Says(2, primary: 1, term: 5);
        Assert.Equal("00000000000000aa", View.Cluster!.ClusterId);
        Assert.DoesNotContain("node3", View.RouteOf(new(3)).ToArray().Select(destination => destination.Name));
    }

    [Fact]
    public void What_an_answer_shows_is_believed_until_a_later_term_is_told()
    {
        foreach (var node in (int[])[1, 2, 3])
            Says(node, primary: 1, term: 5);
        _views.Learn(new(3), "node2");
        Assert.Equal("node2", View.RouteOf(new(3))[0].Name);
        Assert.Equal("node1", View.RouteOf(new(4))[0].Name);

        Says(3, primary: 1, term: 5, state: "stopping");    // the term before: no news
        Assert.Equal(2, View.Primaries[3].Member);
        Says(3, primary: 3, term: 6);
        Assert.Equal(3, View.Primaries[3].Member);
    }

    [Fact]
    public void A_primary_that_is_down_is_passed_over_and_so_are_copies_that_are()
    {
        foreach (var node in (int[])[1, 2, 3])
            Says(node, primary: 1, term: 5);
        _views.Fell(Urls[0]);
        Assert.DoesNotContain(View.RouteOf(new(0)).ToArray(), to => to.Name == "node1");
        _views.Fell(Urls[1]);
        Assert.Equal(["node3"], View.RouteOf(new(0)).ToArray().Select(to => to.Name));
        _views.Fell(Urls[2]);
        Assert.Equal(3, View.RouteOf(new(0)).Length);    // none is up: any may be by the time it is asked
    }

    [Fact]
    public void Who_waits_for_a_node_that_falls_is_let_go_and_who_comes_later_is_not()
    {
        Says(1, primary: 1, term: 5);
        var before = View.Nodes[0].Destination.End;
        _views.Fell(Urls[0]);
        Assert.True(before.WaitHandle.WaitOne(TimeSpan.FromSeconds(20)));
        Assert.False(View.Nodes[0].Destination.End.IsCancellationRequested);
    }

    [Fact]
    public void One_late_answer_is_forgiven_and_two_in_a_row_are_not()
    {
        Says(1, primary: 1, term: 5);
        _views.WasLate(Urls[0], Timeout);
        Assert.True(View.Nodes[0].IsUp);
        Says(1, primary: 1, term: 5);
        _views.WasLate(Urls[0], Timeout);
        Assert.True(View.Nodes[0].IsUp);
        _views.WasLate(Urls[0], Timeout);
        Assert.False(View.Nodes[0].IsUp);
    }

    [Fact]
    public void A_node_that_answers_requests_is_busy_and_not_down()
    {
        Says(1, primary: 1, term: 5);
        _views.WasLate(Urls[0], Timeout);
        _time.Advance(TimeSpan.FromSeconds(1));
        View.Nodes[0].Destination.AnsweredRequest(_time.GetTimestamp());
        _views.WasLate(Urls[0], Timeout);
        Assert.True(View.Nodes[0].IsUp);

        _time.Advance(Timeout);    // what was answered so long ago says nothing
        _views.WasLate(Urls[0], Timeout);
        Assert.True(View.Nodes[0].IsUp);
        _views.WasLate(Urls[0], Timeout);
        Assert.False(View.Nodes[0].IsUp);
    }

    [Fact]
    public void Whom_there_is_no_connection_to_ask_is_busy_when_it_answered_lately()
    {
        Says(1, primary: 1, term: 5);
        View.Nodes[0].Destination.AnsweredRequest(_time.GetTimestamp());
        _time.Advance(Timeout / 2);
        for (var again = 0; again < 3; again++)
            _views.WasLate(Urls[0], Timeout);
        Assert.True(View.Nodes[0].IsUp);
    }

    [Fact]
    public void Nonsense_is_no_lateness_whatever_requests_are_answered()
    {
        Says(1, primary: 1, term: 5);
        View.Nodes[0].Destination.AnsweredRequest(_time.GetTimestamp());
        _views.SpokeNonsense(Urls[0]);
        Assert.True(View.Nodes[0].IsUp);
        _views.SpokeNonsense(Urls[0]);
        Assert.False(View.Nodes[0].IsUp);
    }

    [Fact]
    public void A_node_of_another_cluster_gets_no_keys_and_its_primaries_are_not_believed()
    {
        Says(1, primary: 1, term: 5);
        Says(2, primary: 1, term: 5);
        Says(3, primary: 3, term: 9, cluster: "00000000000000bb");
        Assert.Equal("00000000000000aa", View.Cluster!.ClusterId);
        Assert.Equal(1, View.Primaries[0].Member);
        Assert.DoesNotContain(View.RouteOf(new(0)).ToArray(), to => to.Name == "node3");
        Assert.Equal("degraded", Health.Status);
    }

    [Fact]
    public void When_every_node_was_born_again_the_new_cluster_is_followed()
    {
        foreach (var node in (int[])[1, 2, 3])
            Says(node, primary: 1, term: 5);
        foreach (var node in (int[])[1, 2, 3])
            Says(node, primary: 2, term: 1, cluster: "00000000000000bb");
        Assert.Equal(("00000000000000bb", 2), (View.Cluster!.ClusterId, View.Primaries[0].Member));
    }

    [Fact]
    public void Nothing_new_leaves_the_view_as_it_is()
    {
        Says(1, primary: 1, term: 5);
        var view = View;
        Says(1, primary: 1, term: 5);
        Assert.Same(view, View);
    }

    [Fact]
    public void Health_follows_nodes_primaries_and_majorities()
    {
        Assert.Equal("unavailable", Health.Status);
        Says(1, primary: 1, term: 5);
        Assert.Equal("unavailable", Health.Status);
        Says(2, primary: 1, term: 5);
        _views.WasLate(Urls[2], Timeout);
        Assert.Equal("degraded", Health.Status);
        Says(3, primary: 1, term: 5);
        Assert.Equal("healthy", Health.Status);

        Says(3, primary: 1, term: 5, state: "stopping");
        Assert.Equal("degraded", Health.Status);
        Assert.Equal("stopping", Health.Nodes[2].Status);
        Says(3, primary: 1, term: 5);

        _views.Fell(Urls[0]);
        var health = Health;
        Assert.Equal(("degraded", 1L), (health.Status, health.Epoch));
        Assert.Equal(["down", "up", "up"], health.Nodes.Select(node => node.Status));
        Assert.Equal([FakeCluster.Partitions, 0, 0], health.Nodes.Select(node => node.Primaries));
        _views.Fell(Urls[1]);
        Assert.Equal("unavailable", Health.Status);
    }

    [Fact]
    public void Health_says_for_how_long_a_node_has_been_down()
    {
        Says(1, primary: 1, term: 5);
        _views.WasLate(Urls[1], Timeout);    // never up
        Assert.Equal([null, null, null], Health.Nodes.Select(node => node.DownSeconds));

        _views.Fell(Urls[0]);
        _time.Advance(TimeSpan.FromSeconds(90));
        _views.Fell(Urls[0]);
        Assert.Equal([90, null, null], Health.Nodes.Select(node => node.DownSeconds));

        Says(1, primary: 1, term: 5);
        Assert.Null(Health.Nodes[0].DownSeconds);
    }

    [Fact]
    public void An_address_that_goes_lets_its_requests_go_and_the_others_stay()
    {
        Says(1, primary: 1, term: 5);
        Says(2, primary: 1, term: 5);
        var gone = View.Nodes[0].Destination.End;
        _views.SetAddresses([Urls[1], Urls[2]]);
        Assert.True(gone.WaitHandle.WaitOne(TimeSpan.FromSeconds(20)));
        Assert.Equal([true, false], View.Nodes.Select(node => node.IsUp));
    }

    private void Says(
        int node, int primary, long term, string state = "serving", string cluster = "00000000000000aa")
    {
        var status = FakeNode.StatusOf($"node{node}", Urls[node - 1], state, cluster);
        _views.Answered(Urls[node - 1], status, new ClusterStatus
        {
            ClusterId = cluster,
            Epoch = 1,
            Partitions = FakeCluster.Partitions,
            ReplicationFactor = 3,
            Members = [new(1, "node1", null), new(2, "node2", null), new(3, "node3", null)],
            Primaries = [.. Enumerable.Repeat(new PrimaryHint(primary, term), FakeCluster.Partitions)],
        });
    }
}
