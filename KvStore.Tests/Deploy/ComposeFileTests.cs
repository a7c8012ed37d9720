using KvStore.ServiceDefaults;
using KvStore.Tests.House;
using KvStore.Topology;

namespace KvStore.Tests.Deploy;

/// <summary>The Compose file says what the topology says, and lets nobody in from other machines.</summary>
public sealed class ComposeFileTests
{
    private static readonly IReadOnlyDictionary<object, object> File =
        Yaml.Parse(Repository.Read("deploy/compose/docker-compose.yaml"));

    private static readonly ClusterTopology Planned = ClusterTopology.Create();

    private static readonly string[] Names = [.. Planned.Nodes.Select(node => node.Name)];

    [Fact]
    public void It_has_the_nodes_and_the_balancer_of_the_topology() =>
        Assert.Equal([.. Names, Planned.Balancer.Name], File.Map("services").Keys);

    [Fact]
    public void Every_program_is_told_what_the_topology_says_and_nothing_else()
    {
        foreach (var name in Names)
        {
            var expected = Containers.NodeEnvironment(name, Names, Containers.UrlOf)
                .Add(Variables.ReplicationFactor, ClusterTopology.Text(Planned.ReplicationFactor))
                .Add(Variables.Partitions, ClusterTopology.Text(ClusterTopology.DefaultPartitions))
                .Add(Variables.ClusterSecret, $"${{{Variables.ClusterSecret}:-}}");
            Assert.Equal(expected, EnvironmentOf(name));
        }

        Assert.Equal(
            Containers.BalancerEnvironment(Names, Containers.UrlOf), EnvironmentOf(Planned.Balancer.Name));
    }

    [Fact]
    public void Each_log_and_each_folder_of_snapshots_is_a_named_volume_of_its_own()
    {
        var mounts = Names.SelectMany(name => File.Texts("services", name, "volumes")
            .Select(mount => (Node: name, Volume: mount.Split(':')[0], Folder: mount.Split(':')[1]))).ToList();

        foreach (var name in Names)
        {
            Assert.Equal(
                [Containers.WalDirectory, Containers.SnapshotDirectory],
                mounts.Where(mount => mount.Node == name).Select(mount => mount.Folder));
        }

        Assert.Equal(File.Map("volumes").Keys.Order(), mounts.Select(mount => mount.Volume).Order());
        Assert.Equal(mounts.Count, mounts.Select(mount => mount.Volume).Distinct().Count());
    }

    [Fact]
    public void Only_the_balancer_is_published_and_only_to_this_machine()
    {
        Assert.All(Names, name => Assert.DoesNotContain("ports", File.Map("services", name).Keys));
        Assert.Equal(
            [$"127.0.0.1:{ClusterTopology.DefaultPort}:{Containers.HttpPort}"],
            File.Texts("services", Planned.Balancer.Name, "ports"));
    }

    [Fact]
    public void Every_program_is_probed_by_itself_and_has_the_time_to_end_in_order()
    {
        foreach (var (name, service) in File.Map("services"))
        {
            var program = name == Planned.Balancer.Name ? "KvStore.Balancer" : "KvStore.Node";
            Assert.Equal(
                ["CMD", "dotnet", $"/app/{program}.dll", Probe.Verb],
                service.Texts("healthcheck", "test"));
            Assert.Equal($"{Containers.StopSeconds}s", service.Text("stop_grace_period"));
        }
    }

    [Fact]
    public void Images_have_the_names_that_the_projects_give_them()
    {
        foreach (var (name, service) in File.Map("services"))
        {
            var image = ImageProject.Of(name == Planned.Balancer.Name ? "KvStore.Balancer" : "KvStore.Node");
            Assert.Equal($"${{KVSTORE_REGISTRY:-}}{image.Repository}:${{KVSTORE_TAG:-latest}}", service.Text("image"));
        }
    }

    private static IEnumerable<KeyValuePair<string, string>> EnvironmentOf(string service) =>
        File.Map("services", service, "environment")
            .Select(variable => KeyValuePair.Create(variable.Key, (string)variable.Value))
            .OrderBy(variable => variable.Key, StringComparer.Ordinal);
}
