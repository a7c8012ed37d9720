using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KvStore.Contracts;

namespace KvStore.Cli.Dev;

/// <summary>Asks programs how they are; null stands for no answer within a second.</summary>
internal sealed class ClusterProbe : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false })
    {
        Timeout = TimeSpan.FromSeconds(1),
        MaxResponseContentBufferSize = 4 << 20,
    };

    /// <summary>What a node says of itself.</summary>
    public Task<NodeStatus?> StatusOfAsync(string url, CancellationToken end) =>
        AskAsync(url + Routes.Status, ContractsJson.Default.NodeStatus, end);

    /// <summary>What a node knows of its cluster.</summary>
    public Task<ClusterStatus?> ClusterOfAsync(string url, CancellationToken end) =>
        AskAsync(url + Routes.Cluster, ContractsJson.Default.ClusterStatus, end);

    /// <summary>What a balancer says of its cluster.</summary>
    public Task<ClusterHealth?> HealthAsync(string url, CancellationToken end) =>
        AskAsync(url + Routes.Health, ContractsJson.Default.ClusterHealth, end);

    public void Dispose() => _http.Dispose();

    private async Task<T?> AskAsync<T>(string url, JsonTypeInfo<T> type, CancellationToken end)
        where T : class
    {
        try
        {
            using var answer = await _http.GetAsync(url, end).ConfigureAwait(false);
            if (answer.Content.Headers.ContentType?.MediaType != "application/json")
                return null;
            var body = await answer.Content.ReadAsByteArrayAsync(end).ConfigureAwait(false);
            return JsonSerializer.Deserialize(body, type);
        }
        catch (Exception failure) when (failure is HttpRequestException or SocketException or JsonException
            or OperationCanceledException)
        {
            return null;
        }
    }
}
