using KvStore.Topology;

var builder = DistributedApplication.CreateBuilder(args);
var isPublishing = builder.ExecutionContext.IsPublishMode;
var topology = ClusterTopology.Create(
    dataDirectory: Path.Combine(builder.AppHostDirectory, ClusterTopology.DefaultDataDirectory));

var nodes = topology.Nodes.Select(AddNode).ToList();
foreach (var node in nodes)
{
    // References only: each node is healthy when all of them run, so that one that waited would wait for ever.
    foreach (var other in nodes.Where(other => other != node))
        node.WithReference(other);
}

var balancer = builder.AddProject<Projects.KvStore_Balancer>(topology.Balancer.Name, launchProfileName: null)
    .WithHttpEndpoint(port: isPublishing ? null : topology.Balancer.Port, name: "http")
    .WithHttpHealthCheck("/health")
    .WithUrlForEndpoint("http", url => url.DisplayText = "Keys and values");
AllowTheNetwork(balancer);
foreach (var node in nodes)
    balancer.WithReference(node).WaitFor(node);

builder.Build().Run();

IResourceBuilder<ProjectResource> AddNode(NodeTopology planned)
{
    var node = builder.AddProject<Projects.KvStore_Node>(planned.Name, launchProfileName: null)
        .WithHttpEndpoint(port: isPublishing ? null : planned.Port, name: "http")
        .WithEndpoint(targetPort: isPublishing ? 7000 : null, scheme: "tcp", name: "peer", env: Variables.PeerPort)
        .WithEndpointsInEnvironment(endpoint => endpoint.Name is not "peer")    // it is no address for ASPNETCORE_URLS
        .WithEnvironment(Variables.NodeName, planned.Name)
        .WithEnvironment(Variables.ReplicationFactor, planned.Environment[Variables.ReplicationFactor])
        .WithHttpHealthCheck("/health")
        .WithUrlForEndpoint("http", url => url.DisplayText = "Status");
    node.WithEnvironment(Variables.NodeUrl, node.GetEndpoint("http"));
    AllowTheNetwork(node);
    return isPublishing
        ? Keep(Keep(node, Variables.WalDirectory, "wal"), Variables.SnapshotDirectory, "snapshots")
        : node.WithEnvironment(Variables.WalDirectory, planned.WalDirectory)
            .WithEnvironment(Variables.SnapshotDirectory, planned.SnapshotDirectory);
}

// A project has no WithVolume; the publishers read the annotation that it would leave.
static IResourceBuilder<ProjectResource> Keep(
    IResourceBuilder<ProjectResource> node, string variable, string name)
{
    var target = $"/data/{name}";
    var source = $"{node.Resource.Name}-{name}";
    return node
        .WithAnnotation(new ContainerMountAnnotation(source, target, ContainerMountType.Volume, isReadOnly: false))
        .WithEnvironment(variable, target);
}

// In a container all addresses are the container's own network; no endpoint is external, so nobody else reaches them.
void AllowTheNetwork(IResourceBuilder<ProjectResource> program)
{
    if (isPublishing)
        program.WithEnvironment(Variables.AllowAnonymous, "true");
}
