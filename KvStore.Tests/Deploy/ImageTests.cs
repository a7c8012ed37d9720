using KvStore.Topology;

namespace KvStore.Tests.Deploy;

public sealed class ImageTests
{
    private const string ProgramDirectory = "/app/";

    private static readonly ImageProject Node = ImageProject.Of("KvStore.Node");

    private static readonly ImageProject Balancer = ImageProject.Of("KvStore.Balancer");

    [Fact]
    public void Neither_image_runs_as_root_or_has_a_shell() => Assert.All([Node, Balancer], image =>
    {
        Assert.Equal(ClusterTopology.Text(Containers.User), image.User);
        Assert.EndsWith("chiseled", image.Family);
    });

    [Fact]
    public void They_listen_where_the_topology_says()
    {
        var http = ClusterTopology.Text(Containers.HttpPort);
        Assert.Equal([http, ClusterTopology.Text(Containers.PeerPort)], Node.Ports);
        Assert.Equal([http], Balancer.Ports);
        Assert.All([Node, Balancer], image => Assert.Equal(http, image.Environment["ASPNETCORE_HTTP_PORTS"]));
    }

    [Fact]
    public void The_folders_of_the_data_are_in_the_image_so_that_new_volumes_belong_to_its_user()
    {
        Assert.Equal(Containers.WalDirectory, Node.Environment[Variables.WalDirectory]);
        Assert.Equal(Containers.SnapshotDirectory, Node.Environment[Variables.SnapshotDirectory]);
        Assert.Equal(
            [Containers.WalDirectory, Containers.SnapshotDirectory],
            Node.Folders.Select(folder => ProgramDirectory + folder));
    }
}
