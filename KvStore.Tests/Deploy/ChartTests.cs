using System.Diagnostics;
using System.Text.RegularExpressions;
using KvStore.Tests.House;
using KvStore.Topology;
using YamlDotNet.Serialization;

namespace KvStore.Tests.Deploy;

/// <summary>The chart says what the topology says, and what a store of durable copies needs of Kubernetes.</summary>
public sealed partial class ChartTests
{
    private const string Release = "kvstore";

    private static readonly object Nodes = Chart.Manifest("StatefulSet", Release).At("spec");

    private static readonly object Balancer = Chart.Manifest("Deployment", $"{Release}-balancer").At("spec");

    private static string[] Names { get; } =
        [.. Enumerable.Range(0, int.Parse(Nodes.Text("replicas"))).Select(i => $"{Release}-{i}")];

    [Fact]
    public void The_rendering_is_of_this_chart()
    {
        var path = Path.Combine(Repository.Root, Chart.Rendering);
        var rendered = RenderWhereThereIsHelm();
        if (Environment.GetEnvironmentVariable("KVSTORE_RENEW_GOLDEN") is "1" && rendered is not null)
            File.WriteAllText(path, $"{Chart.FirstLine}\n{rendered}");

        var kept = File.ReadAllText(path);
        Assert.Equal(Chart.FirstLine, kept.Split('\n')[0]);
        if (rendered is not null)
            Assert.Equal(Documents(rendered), Documents(kept));
    }

    [Fact]
    public void Every_node_is_told_what_the_topology_says_and_nothing_else() => Assert.Equal(
        Containers.NodeEnvironment("$(NODE_NAME)", Names, UrlOf)
            .SetItem(Variables.NodeName, "metadata.name")
            .SetItem(Variables.ClusterNodes, string.Join(',', Names.Select(UrlOf)))
            .Add(Variables.ReplicationFactor, ClusterTopology.Text(ClusterTopology.Create().ReplicationFactor))
            .Add(Variables.Partitions, ClusterTopology.Text(ClusterTopology.DefaultPartitions)),
        EnvironmentOf(Nodes));

    [Fact]
    public void A_variable_that_is_made_of_another_one_stands_behind_it()
    {
        var names = ContainerOf(Nodes).List("env").Select(variable => variable.Text("name")).ToList();
        Assert.InRange(names.IndexOf(Variables.NodeName), 0, names.IndexOf(Variables.NodeUrl) - 1);
    }

    [Fact]
    public void The_balancer_is_told_what_the_topology_says_and_nothing_else() =>
        Assert.Equal(Containers.BalancerEnvironment(Names, UrlOf), EnvironmentOf(Balancer));

    [Fact]
    public void Nodes_start_at_once_find_each_other_unready_and_go_one_by_one()
    {
        Assert.Equal("Parallel", Nodes.Text("podManagementPolicy"));
        var service = Chart.Manifest("Service", Nodes.Text("serviceName")).At("spec");
        Assert.Equal("None", service.Text("clusterIP"));
        Assert.Equal("true", service.Text("publishNotReadyAddresses"));
        var budget = Chart.Manifest("PodDisruptionBudget", $"{Release}-nodes").At("spec");
        Assert.Equal("1", budget.Text("maxUnavailable"));
        Assert.Equal(Nodes.Map("selector", "matchLabels"), budget.Map("selector", "matchLabels"));
        var spread = Nodes.At("template", "spec", "topologySpreadConstraints", "0");
        Assert.Equal("topology.kubernetes.io/zone", spread.Text("topologyKey"));
    }

    [Fact]
    public void Each_node_has_a_claim_for_its_log_and_one_for_its_snapshots()
    {
        Assert.Equal(
            ["wal", "snapshots"],
            Nodes.List("volumeClaimTemplates").Select(claim => claim.Text("metadata", "name")));
        Assert.Equal(
            [("wal", Containers.WalDirectory), ("snapshots", Containers.SnapshotDirectory), ("tmp", "/tmp")],
            ContainerOf(Nodes).List("volumeMounts").Select(mount => (mount.Text("name"), mount.Text("mountPath"))));
    }

    [Fact]
    public void Ports_are_those_of_the_images()
    {
        Assert.Equal(ImageProject.Of("KvStore.Node").Ports, PortsOf(Nodes));
        Assert.Equal(ImageProject.Of("KvStore.Balancer").Ports, PortsOf(Balancer));
        Assert.Equal(
            ImageProject.Of("KvStore.Node").Ports,
            Chart.Manifest("Service", $"{Release}-nodes").List("spec", "ports").Select(port => port.Text("port")));
        Assert.Equal(
            ClusterTopology.Text(ClusterTopology.DefaultPort),
            Chart.Manifest("Service", Release).Text("spec", "ports", "0", "port"));
    }

    [Fact]
    public void No_program_is_root_and_each_is_probed_and_has_the_time_to_end_in_order()
    {
        foreach (var pod in new[] { Nodes, Balancer }.Select(program => program.At("template", "spec")))
        {
            Assert.Equal("true", pod.Text("securityContext", "runAsNonRoot"));
            Assert.Equal(ClusterTopology.Text(Containers.User), pod.Text("securityContext", "runAsUser"));
            Assert.Equal(ClusterTopology.Text(Containers.User), pod.Text("securityContext", "fsGroup"));
            Assert.Equal(ClusterTopology.Text(Containers.StopSeconds), pod.Text("terminationGracePeriodSeconds"));
            var container = pod.At("containers", "0");
            Assert.Equal("/alive", container.Text("livenessProbe", "httpGet", "path"));
            Assert.Equal("/ready", container.Text("readinessProbe", "httpGet", "path"));
            Assert.Equal("true", container.Text("securityContext", "readOnlyRootFilesystem"));
        }
    }

    [Fact]
    public void Every_value_is_used_and_every_value_that_is_used_is_there()
    {
        var templates = string.Concat(Chart.Files.Where(file => file.Contains("/templates/")).Select(Repository.Read));
        var used = Value().Matches(templates).Select(match => match.Groups[1].Value).ToHashSet();
        used.UnionWith(["nodes.wal", "nodes.snapshots"]);    // by the name of their kind

        Assert.All(used, path => Chart.Values.At(path.Split('.')));
        Repository.AssertNone(
            Leaves(Chart.Values).Where(leaf => !used.Any(path => leaf == path || leaf.StartsWith($"{path}."))),
            "No template reads these values.");
    }

    [Fact]
    public void Images_have_the_names_that_the_projects_give_them()
    {
        Assert.Equal(ImageProject.Of("KvStore.Node").Repository, Chart.Values.Text("image", "node"));
        Assert.Equal(ImageProject.Of("KvStore.Balancer").Repository, Chart.Values.Text("image", "balancer"));
    }

    private static string UrlOf(string name) => Containers.UrlOf($"{name}.{Release}-nodes");

    private static object ContainerOf(object program) => program.At("template", "spec", "containers", "0");

    private static IEnumerable<string> PortsOf(object program) =>
        ContainerOf(program).List("ports").Select(port => port.Text("containerPort"));

    private static IEnumerable<KeyValuePair<string, string>> EnvironmentOf(object program) =>
        ContainerOf(program).List("env")
            .Select(variable => KeyValuePair.Create(variable.Text("name"), variable.Map().ContainsKey("value")
                ? variable.Text("value")
                : variable.Text("valueFrom", "fieldRef", "fieldPath")))
            .OrderBy(variable => variable.Key, StringComparer.Ordinal);

    private static IEnumerable<string> Leaves(object value, string path = "") =>
        value is IReadOnlyDictionary<object, object> { Count: > 0 } map
            ? map.SelectMany(pair => Leaves(pair.Value, path.Length == 0 ? $"{pair.Key}" : $"{path}.{pair.Key}"))
            : [path];

    private static IEnumerable<string> Documents(string text) =>
        Yaml.ParseAll(text).Select(new SerializerBuilder().Build().Serialize).Order(StringComparer.Ordinal);

    private static string? RenderWhereThereIsHelm()
    {
        try
        {
            using var helm = Process.Start(new ProcessStartInfo("helm")
            {
                ArgumentList = { "template", Release, Chart.Folder, "--kube-version", "1.31.0" },
                WorkingDirectory = Repository.Root,
                RedirectStandardOutput = true,
            })!;
            var rendered = helm.StandardOutput.ReadToEnd();
            helm.WaitForExit();
            Assert.Equal(0, helm.ExitCode);
            return rendered;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    [GeneratedRegex(@"\.Values\.([A-Za-z.]*[A-Za-z])")]
    private static partial Regex Value();
}
