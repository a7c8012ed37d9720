using KvStore.Topology;

namespace KvStore.AppHost;

/// <summary>
/// Where the cluster is published to: Azure Container Apps (<c>azure</c>, unless <c>--publish-target</c> says
/// otherwise) or Docker Compose (<c>compose</c>). What programs are told there, and how they are run.
/// </summary>
internal sealed class PublishTarget
{
    private const string Azure = "azure";
    private const string Compose = "compose";

    private readonly string _name;
    private readonly IReadOnlyList<string> _nodes;

    private PublishTarget(string name, IReadOnlyList<string> nodes)
    {
        _name = name;
        _nodes = nodes;
    }

    /// <summary>Adds the target to the application; null where the cluster is run here and not published.</summary>
    /// <exception cref="TopologyException">There is no such target.</exception>
    public static PublishTarget? Add(IDistributedApplicationBuilder builder, ClusterTopology topology)
    {
        if (!builder.ExecutionContext.IsPublishMode)
            return null;
        var name = builder.Configuration["publish-target"] ?? Azure;
        switch (name)
        {
            case Azure:
                builder.AddAzureContainerAppEnvironment("env").WithAzdResourceNaming().WithHttpsUpgrade(false);
                break;
            case Compose:
                builder.AddDockerComposeEnvironment(Compose).WithDashboard(false);    // its port would be open to all
                break;
            default:
                throw new TopologyException($"--publish-target is {Azure} or {Compose}, not {name}.");
        }

        return new(name, [.. topology.Nodes.Select(node => node.Name)]);
    }

    public void TakeNode(IResourceBuilder<ProjectResource> node)
    {
        Set(node, Containers.NodeEnvironment(node.Resource.Name, _nodes, UrlOf));
        Mount(node, "wal", Containers.WalDirectory);
        Mount(node, "snapshots", Containers.SnapshotDirectory);
        Take(node);
        if (_name == Compose)
        {
            // What is published for a secret is an empty line of .env, and an empty secret would be none.
            node.PublishAsDockerComposeService((_, service) =>
                service.Environment[Variables.ClusterSecret] = "${CLUSTER_SECRET:?must be at least 16 characters}");
        }
    }

    /// <param name="balancer">The program.</param>
    /// <param name="port">Where this machine reaches it, and no other one does.</param>
    public void TakeBalancer(IResourceBuilder<ProjectResource> balancer, int port)
    {
        Set(balancer, Containers.BalancerEnvironment(_nodes, UrlOf));
        Take(balancer);
        if (_name == Compose)
        {
            balancer.PublishAsDockerComposeService((_, service) =>
                service.Ports = [$"127.0.0.1:{port}:{Containers.HttpPort}"]);
        }
    }

    private static void Set(
        IResourceBuilder<ProjectResource> program, IEnumerable<KeyValuePair<string, string>> variables)
    {
        foreach (var (variable, value) in variables)
            program.WithEnvironment(variable, value);
    }

    // A project has no WithVolume; the publishers read the annotation that it would leave.
    private static void Mount(IResourceBuilder<ProjectResource> node, string name, string folder) =>
        node.WithAnnotation(new ContainerMountAnnotation(
            $"{node.Resource.Name}-{name}", folder, ContainerMountType.Volume, isReadOnly: false));

    /// <summary>
    /// A container app is reached by its name at its ingress, a container of Compose at the port itself.
    /// </summary>
    private string UrlOf(string name) => _name == Azure ? $"http://{name}" : Containers.UrlOf(name);

    private void Take(IResourceBuilder<ProjectResource> program)
    {
        if (_name == Azure)
        {
            TakeToAzure(program);
            return;
        }

        program.PublishAsDockerComposeService((_, service) =>
        {
            service.StopGracePeriod = $"{Containers.StopSeconds}s";
            service.Restart = "unless-stopped";
        });
    }

    // One replica, neither more nor less: two on one volume would be two processes that say they are the same node.
    private static void TakeToAzure(IResourceBuilder<ProjectResource> program) => program
        .WithHttpProbe(ProbeType.Liveness, "/alive", periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6)
        .WithHttpProbe(ProbeType.Readiness, "/ready", periodSeconds: 5, timeoutSeconds: 5)
        .PublishAsAzureContainerApp((_, app) =>
        {
            app.Template.Scale.MinReplicas = 1;
            app.Template.Scale.MaxReplicas = 1;
            app.Template.TerminationGracePeriodSeconds = Containers.StopSeconds;
            app.Configuration.Ingress.AllowInsecure = true;    // inside the environment: nothing of it is external
        });
}
