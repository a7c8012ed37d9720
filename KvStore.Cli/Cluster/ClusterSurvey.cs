using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KvStore.Cli.Dev;
using KvStore.Cli.Server;
using KvStore.Contracts;

namespace KvStore.Cli.Cluster;

/// <summary>Looks at a cluster: asks its door, and then each node that the door says is up.</summary>
internal sealed class ClusterSurvey(KvServer door) : IDisposable
{
    /// <summary>How long a door may take to answer: all that it is asked for it has at hand.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly ClusterProbe _probe = new();

    /// <summary>Asks all.</summary>
    /// <param name="stop">The caller does not want it any more.</param>
    /// <exception cref="FailureException">The door does not answer, or not as a KvStore does.</exception>
    public async Task<ClusterPicture> TakeAsync(CancellationToken stop = default)
    {
        var (health, node) = await AskDoorAsync(stop).ConfigureAwait(false);
        if (health is null)
        {
            var known = await AskForClusterAsync(stop).ConfigureAwait(false);
            var others = await AskNodesAsync(known?.Members.Select(member => member.Url), stop).ConfigureAwait(false);
            return PictureMaker.ByNode(node!, known, others);
        }

        var up = health.Nodes.Where(known => known.Status != NodeStates.Down).Select(known => known.Url).ToList();
        var answers = await AskNodesAsync(up, stop).ConfigureAwait(false);
        var cluster = answers.Select(answer => answer?.Cluster).OfType<ClusterStatus>()
            .GroupBy(told => told.ClusterId)
            .MaxBy(same => same.Count())?
            .MaxBy(told => told.Epoch);
        if (cluster is null && up.Count > 0)    // else the balancer would wait long for one to ask
            cluster = await AskForClusterAsync(stop).ConfigureAwait(false);
        return PictureMaker.ByBalancer(health, cluster, answers);
    }

    /// <summary>Asks the door alone.</summary>
    /// <param name="stop">The caller does not want it any more.</param>
    /// <exception cref="FailureException">The door does not answer, or not as a KvStore does.</exception>
    public async Task<ClusterPicture> GlanceAsync(CancellationToken stop = default)
    {
        var (health, node) = await AskDoorAsync(stop).ConfigureAwait(false);
        return health is null
            ? PictureMaker.ByNode(node!, null, [])
            : PictureMaker.ByBalancer(health, null, []);
    }

    /// <inheritdoc/>
    public void Dispose() => _probe.Dispose();

    /// <summary>What a balancer says of the cluster, or else what a node says of itself.</summary>
    private async Task<(ClusterHealth? Health, NodeStatus? Node)> AskDoorAsync(CancellationToken stop)
    {
        var health = await AskAsync(Routes.Health, ContractsJson.Default.ClusterHealth, stop).ConfigureAwait(false);
        if (health is not null)
            return (health, null);
        using var answer = await door.AskAsync(door.For(HttpMethod.Get, Routes.Status), stop).ConfigureAwait(false);
        return await ReadAsync(answer, ContractsJson.Default.NodeStatus).ConfigureAwait(false) is { } node
            ? (null, node)
            : throw new FailureException($"{door.Url} answers, but not as a KvStore does.");
    }

    private async Task<ClusterStatus?> AskForClusterAsync(CancellationToken stop)
    {
        try
        {
            return await AskAsync(Routes.Cluster, ContractsJson.Default.ClusterStatus, stop).ConfigureAwait(false);
        }
        catch (FailureException)
        {
            return null;    // the picture is without it, and says so
        }
    }

    private Task<NodeAnswer?[]> AskNodesAsync(IEnumerable<string?>? urls, CancellationToken stop) =>
        Task.WhenAll((urls ?? []).OfType<string>().Select(url => AskNodeAsync(url, stop)));

    private async Task<T?> AskAsync<T>(string target, JsonTypeInfo<T> type, CancellationToken stop)
        where T : class
    {
        using var answer = await door.SendAsync(door.For(HttpMethod.Get, target), stop: stop).ConfigureAwait(false);
        return await ReadAsync(answer, type).ConfigureAwait(false);
    }

    private static async Task<T?> ReadAsync<T>(HttpResponseMessage answer, JsonTypeInfo<T> type)
        where T : class
    {
        if (answer.Content.Headers.ContentType?.MediaType != "application/json")
            return null;
        try
        {
            var body = await answer.Content.ReadAsByteArrayAsync().ConfigureAwait(false);
            return JsonSerializer.Deserialize(body, type);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private async Task<NodeAnswer?> AskNodeAsync(string url, CancellationToken stop)
    {
        if (await _probe.StatusOfAsync(url, stop).ConfigureAwait(false) is not { } status)
            return null;
        return new(url, status, await _probe.ClusterOfAsync(url, stop).ConfigureAwait(false));
    }
}

/// <summary>What a node says of itself and of its cluster.</summary>
/// <param name="Url">Where it was asked.</param>
/// <param name="Status">Of itself.</param>
/// <param name="Cluster">Of its cluster; null: it knows none.</param>
internal sealed record NodeAnswer(string Url, NodeStatus Status, ClusterStatus? Cluster);
