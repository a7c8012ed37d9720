using System.Net.Sockets;
using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Cli.Dev;

/// <summary>Asks programs how they are; null stands for no answer within a second.</summary>
internal sealed class ClusterProbe : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false })
    {
        Timeout = TimeSpan.FromSeconds(1),
    };

    /// <summary>What a node says of itself.</summary>
    public async Task<NodeStatus?> StatusOfAsync(string url, CancellationToken end)
    {
        if (await AskAsync(url + Routes.Status, end).ConfigureAwait(false) is not { } answer)
            return null;
        return JsonSerializer.Deserialize(answer, ContractsJson.Default.NodeStatus);
    }

    /// <summary>What a node knows of its cluster.</summary>
    public async Task<ClusterStatus?> ClusterOfAsync(string url, CancellationToken end)
    {
        if (await AskAsync(url + Routes.Cluster, end).ConfigureAwait(false) is not { } answer)
            return null;
        return JsonSerializer.Deserialize(answer, ContractsJson.Default.ClusterStatus);
    }

    /// <summary>What a balancer says of its cluster.</summary>
    public async Task<ClusterHealth?> HealthAsync(string url, CancellationToken end)
    {
        if (await AskAsync(url + Routes.Health, end).ConfigureAwait(false) is not { } answer)
            return null;
        return JsonSerializer.Deserialize(answer, ContractsJson.Default.ClusterHealth);
    }

    public void Dispose() => _http.Dispose();

    private async Task<byte[]?> AskAsync(string url, CancellationToken end)
    {
        try
        {
            using var answer = await _http.GetAsync(url, end).ConfigureAwait(false);
            var isJson = answer.Content.Headers.ContentType?.MediaType == "application/json";
            return isJson ? await answer.Content.ReadAsByteArrayAsync(end).ConfigureAwait(false) : null;
        }
        catch (Exception failure) when (failure is HttpRequestException or SocketException
            or OperationCanceledException)
        {
            return null;
        }
    }
}
