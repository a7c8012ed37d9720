using KvStore.AppHost;
using KvStore.Topology;
using Microsoft.Extensions.Configuration;

var builder = DistributedApplication.CreateBuilder(args);
var topology = ClusterTopology.Create(
    builder.Configuration.GetValue("Parameters:nodes", ClusterTopology.DefaultNodes),
    dataDirectory: builder.Configuration["data-directory"]
        ?? Path.Combine(builder.AppHostDirectory, ClusterTopology.DefaultDataDirectory));
var partitions = NumberOf("partitions", ClusterTopology.DefaultPartitions);
var replicationFactor = NumberOf("replication-factor", topology.ReplicationFactor);
var secret = builder.AddParameter(
    "cluster-secret", new GenerateParameterDefault { MinLength = 32, Special = false }, secret: true, persist: true);
var target = PublishTarget.Add(builder, topology);

var nodes = topology.Nodes.Select(AddNode).ToList();
foreach (var node in nodes)
{
    // References only: each node is healthy when all of them run, so that one that waited would wait for ever.
    foreach (var other in nodes.Where(other => other != node))
        node.WithReference(other);
}

var balancer = builder.AddProject<Projects.KvStore_Balancer>(topology.Balancer.Name, launchProfileName: null)
    .WithHttpEndpoint(PortHere(topology.Balancer.Port), PortInContainer(Containers.HttpPort), "http")
    .WithUrlForEndpoint("http", url => url.DisplayText = "Keys and values")
    .WithUrlForEndpoint("http", _ => new() { Url = "/scalar", DisplayText = "API reference" })
    .WithUrlForEndpoint("http", _ => new() { Url = "/health", DisplayText = "Health of the cluster" })
    .WithHttpCommand("/admin/snapshots", "Snapshot now, all nodes", commandOptions: Snapshot())
    .WithHttpHealthCheck("/health");
foreach (var node in nodes)
    balancer.WithReference(node).WaitFor(node);
target?.TakeBalancer(balancer, topology.Balancer.Port);

builder.Build().Run();

IResourceBuilder<ProjectResource> AddNode(NodeTopology planned)
{
    var node = builder.AddProject<Projects.KvStore_Node>(planned.Name, launchProfileName: null)
        .WithHttpEndpoint(PortHere(planned.Port), PortInContainer(Containers.HttpPort), "http")
        .WithEndpoint(
            targetPort: PortInContainer(Containers.PeerPort), scheme: "tcp", name: "peer", env: Variables.PeerPort)
        .WithEndpointsInEnvironment(endpoint => endpoint.Name is not "peer")    // it is no address for ASPNETCORE_URLS
        .WithEnvironment(Variables.Partitions, partitions)
        .WithEnvironment(Variables.ReplicationFactor, replicationFactor)
        .WithEnvironment(Variables.ClusterSecret, secret)
        .WithHttpHealthCheck("/health")
        .WithUrlForEndpoint("http", url => url.DisplayText = "Status")
        .WithHttpCommand("/admin/snapshots", "Snapshot now", commandOptions: Snapshot());
    if (target is not null)
    {
        target.TakeNode(node);
        return node;
    }

    return node.WithEnvironment(Variables.NodeName, planned.Name)
        .WithEnvironment(Variables.NodeUrl, node.GetEndpoint("http"))
        .WithEnvironment(Variables.WalDirectory, planned.WalDirectory)
        .WithEnvironment(Variables.SnapshotDirectory, planned.SnapshotDirectory);
}

// A parameter here (--Parameters:partitions=128), and just a number in what is published: a cluster is founded with it,
// and publishers may leave a parameter's value to whoever starts what they wrote. No shell has variables with a hyphen.
ReferenceExpression NumberOf(string name, int value)
{
    var text = builder.Configuration[$"Parameters:{name}"]
        ?? builder.Configuration[$"Parameters:{name.Replace('-', '_')}"]
        ?? ClusterTopology.Text(value);
    return builder.ExecutionContext.IsPublishMode
        ? ReferenceExpression.Create($"{text}")
        : ReferenceExpression.Create($"{builder.AddParameter(name, text).Resource}");
}

HttpCommandOptions Snapshot() => new()
{
    Method = HttpMethod.Post,
    Description = "Saves what changed and lets go of the log behind it, as each node does by itself now and then.",
    IconName = "Save",
};

int? PortHere(int port) => builder.ExecutionContext.IsPublishMode ? null : port;

int? PortInContainer(int port) => builder.ExecutionContext.IsPublishMode ? port : null;
