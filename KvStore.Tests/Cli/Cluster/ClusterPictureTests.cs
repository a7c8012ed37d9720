using KvStore.Cli.Cluster;
using KvStore.Contracts;

namespace KvStore.Tests.Cli.Cluster;

public sealed class ClusterPictureTests
{
    private static readonly NodeAnswer[] All = [Sketch.Answer(1), Sketch.Answer(2), Sketch.Answer(3)];

    [Fact]
    public void Of_a_cluster_that_is_well_nothing_is_wrong()
    {
        var picture = PictureMaker.ByBalancer(Sketch.Health("healthy"), Sketch.Cluster, All);

        Assert.Empty(picture.Problems);
        Assert.Equal(("healthy", 7L, "00000000c0ffee00", 3), (
            picture.Status, picture.Epoch, picture.ClusterId, picture.ReplicationFactor));
        Assert.All(picture.Ring!.Value.Index(), partition =>
        {
            Assert.Equal($"node{Sketch.PreferredOf(partition.Index)}", partition.Item.Primary);
            Assert.Equal(partition.Item.Primary, partition.Item.Replicas[0]);
            Assert.Equal(3, partition.Item.Up);
        });
    }

    [Fact]
    public void Of_a_node_there_is_what_it_says_of_itself_and_what_the_primaries_say_of_it()
    {
        var node = PictureMaker.ByBalancer(Sketch.Health("healthy"), Sketch.Cluster, All).Nodes[1];

        Assert.Equal(("node2", Sketch.UrlOf(2), "up", "1.2.3", "ok"), (
            node.Name, node.Url, node.Status, node.Version, node.Disk));
        Assert.Equal((14, 400L, 2L, 3L, 5L, 4L), (
            node.Backups, node.LagEntries, node.Keys, node.Bytes, node.LogBytes, node.Requests));
    }

    [Fact]
    public void A_node_that_is_down_costs_copies_and_what_it_led_has_no_primary_until_another_is_told_of()
    {
        var health = Sketch.Health("degraded", (3, Sketch.Down(3, seconds: 150)));
        var led = Enumerable.Range(0, Sketch.Partitions).Where(number => Sketch.PreferredOf(number) == 3).ToList();

        var picture = PictureMaker.ByBalancer(health, Sketch.Cluster, All[..2]);
        Assert.Equal(led, picture.Ring!.Value.Index()
            .Where(partition => partition.Item.Primary is null).Select(partition => partition.Index));
        Assert.Equal(
            [
                $"{led.Count} partitions have no primary: requests wait until one is elected. "
                    + $"({string.Join(", ", led)})",
                "All 16 partitions have fewer than their 3 copies up, and serve with the rest.",
                "node3 (http://10.0.0.3:8001) does not answer; it did until 2 min ago.",
            ],
            picture.Problems);

        var elected = Sketch.Cluster with
        {
            Primaries = [.. Sketch.Cluster.Primaries.Select(hint => hint.Member == 3 ? new PrimaryHint(1, 2) : hint)],
        };
        picture = PictureMaker.ByBalancer(health, Sketch.Cluster, [All[0], Sketch.Answer(2, elected)]);
        Assert.All(led, number => Assert.Equal("node1", picture.Ring!.Value[number].Primary));
        Assert.Equal(2, picture.Problems.Length);
    }

    [Fact]
    public void Without_a_majority_that_is_said_first()
    {
        var health = Sketch.Health("unavailable", (1, Sketch.Down(1, 5)), (3, Sketch.Down(3, null)));

        var problems = PictureMaker.ByBalancer(health, Sketch.Cluster, [All[1]]).Problems;
        Assert.StartsWith("All 16 partitions have no majority of their copies up: ", problems[0]);
        Assert.Equal(
            [
                "node1 (http://10.0.0.1:8001) does not answer; it did until 5 s ago.",
                "node3 (http://10.0.0.3:8001) does not answer.",
            ],
            problems[1..]);
    }

    [Fact]
    public void Low_disks_other_versions_and_nodes_out_of_reach_are_said()
    {
        var low = Sketch.Answer(1) with { Status = Sketch.Status(1) with { Disk = NodeStatus.DiskLow } };
        var old = Sketch.Answer(2) with { Status = Sketch.Status(2) with { Version = "1.0.0" } };
        var picture = PictureMaker.ByBalancer(Sketch.Health("healthy"), Sketch.Cluster, [low, old, null]);

        Assert.Equal(
            [
                "node1 (http://10.0.0.1:8001) has little room on its disk: the keys that it leads take no new values.",
                "node3 (http://10.0.0.3:8001) is up and cannot be asked from here: what only it can say is missing.",
                "The nodes are of different versions: 1.0.0, 1.2.3.",
            ],
            picture.Problems);
        Assert.Equal("low", picture.Nodes[0].Disk);
        Assert.Null(picture.Nodes[2].LagEntries);
    }

    [Fact]
    public void While_nobody_tells_of_the_cluster_a_node_says_what_it_waits_for()
    {
        var forming = Sketch.Status(1) with { State = "forming", Detail = "It waits for node2." };
        var health = Sketch.Health("unavailable", (1, new("node1", Sketch.UrlOf(1), "forming", 0)));

        var picture = PictureMaker.ByBalancer(health, null, [new(Sketch.UrlOf(1), forming, null), All[1], All[2]]);
        Assert.Null(picture.Ring);
        Assert.Equal(
            [
                "No node tells what the cluster looks like.",
                "node1 (http://10.0.0.1:8001) is forming: It waits for node2.",
            ],
            picture.Problems);
    }

    [Fact]
    public void A_node_tells_by_its_links_who_is_up()
    {
        var door = Sketch.Status(1) with { Peers = [new("node2", null, true, 0), new("node3", null, false, 9)] };

        var picture = PictureMaker.ByNode(
            door, Sketch.Cluster, [new(Sketch.UrlOf(1), door, Sketch.Cluster), null, null]);
        Assert.Equal(["up", "up", "down"], picture.Nodes.Select(node => node.Status));
        Assert.Equal("serving", picture.Status);
        Assert.Equal(Sketch.Partitions, picture.Nodes.Sum(node => node.Primaries));
    }

    [Fact]
    public void Who_has_heard_of_the_latest_term_is_believed()
    {
        var behind = Told("one", new(1, 1), new(1, 3), new(0, 0), new(9, 1));
        var ahead = Told("one", new(2, 2), new(2, 2), new(0, 0), new(9, 1));

        Assert.Equal(["two", "one", null, null], RingPicture.PrimariesOf(4, [behind, null, ahead]));
    }

    private static ClusterStatus Told(string first, params PrimaryHint[] primaries) => new()
    {
        ClusterId = "0000000000000001",
        Epoch = 1,
        Partitions = primaries.Length,
        ReplicationFactor = 3,
        Members = [new(1, first, null), new(2, "two", null)],
        Primaries = [.. primaries],
    };
}
