namespace KvStore.AppHost.Tests;

/// <summary>What the AppHost says that there is, before anything of it runs.</summary>
public sealed class ModelTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task There_are_three_nodes_and_a_balancer_that_refers_to_them()
    {
        await using var builder = await CreateAsync();
        Assert.Equal(["node1", "node2", "node3"], NodesOf(builder).Select(node => node.Name));
        var balancer = builder.Resources.OfType<ProjectResource>().Single(project => project.Name == "balancer");
        foreach (var node in NodesOf(builder))
        {
            Assert.Contains(
                balancer.Annotations.OfType<ResourceRelationshipAnnotation>(), found => found.Resource == node);
            Assert.Contains(balancer.Annotations.OfType<WaitAnnotation>(), found => found.Resource == node);
            Assert.Empty(node.Annotations.OfType<WaitAnnotation>());    // they would wait for each other for ever
        }
    }

    [Fact]
    public async Task A_node_has_an_endpoint_for_clients_and_one_for_the_other_nodes()
    {
        await using var builder = await CreateAsync();
        foreach (var node in NodesOf(builder))
        {
            var endpoints = node.Annotations.OfType<EndpointAnnotation>().ToDictionary(endpoint => endpoint.Name);
            Assert.Equal("http", endpoints["http"].UriScheme);
            Assert.Equal("tcp", endpoints["peer"].UriScheme);
        }
    }

    [Fact]
    public async Task More_nodes_are_a_parameter()
    {
        await using var builder = await CreateAsync("--Parameters:nodes=5");
        Assert.Equal(5, NodesOf(builder).Count());
    }

    [Theory, InlineData("azure"), InlineData("compose")]
    public async Task What_is_published_has_a_volume_for_the_log_and_one_for_the_snapshots_of_each_node(string target)
    {
        await using var builder = await CreateAsync(
            "--operation", "publish", "--step", "publish", "--output-path", Path.GetTempPath(),
            "--publish-target", target);
        foreach (var node in NodesOf(builder))
        {
            Assert.Equal(
                [
                    ($"{node.Name}-snapshots", Containers.SnapshotDirectory),
                    ($"{node.Name}-wal", Containers.WalDirectory),
                ],
                node.Annotations.OfType<ContainerMountAnnotation>()
                    .Where(mount => mount.Type == ContainerMountType.Volume)
                    .Select(mount => (mount.Source!, mount.Target))
                    .Order());
        }
    }

    private static async Task<IDistributedApplicationTestingBuilder> CreateAsync(params string[] arguments)
    {
        using var patience = new CancellationTokenSource(Patience);
        return await DistributedApplicationTestingBuilder.CreateAsync<Projects.KvStore_AppHost>(
            arguments, patience.Token);
    }

    private static IEnumerable<ProjectResource> NodesOf(IDistributedApplicationTestingBuilder builder) =>
        builder.Resources.OfType<ProjectResource>()
            .Where(project => project.Name.StartsWith("node", StringComparison.Ordinal))
            .OrderBy(project => project.Name, StringComparer.Ordinal);
}
