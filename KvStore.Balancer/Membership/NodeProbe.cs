using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KvStore.Contracts;

namespace KvStore.Balancer.Membership;

/// <summary>Asks a node what it is and how it sees the cluster, and has it take a snapshot.</summary>
internal sealed class NodeProbe(HttpMessageHandler handler) : IDisposable
{
    private readonly HttpClient _http = new(handler)
    {
        MaxResponseContentBufferSize = 4 << 20,
        Timeout = Timeout.InfiniteTimeSpan,    // the poller has a deadline of its own
        DefaultRequestHeaders = { Accept = { new MediaTypeWithQualityHeaderValue("application/json") } },
    };

    /// <summary>Asks for both; a node that is still forming a cluster cannot tell of one.</summary>
    /// <exception cref="HttpRequestException">It cannot be reached, or answers with an error.</exception>
    /// <exception cref="JsonException">It answers, but not as a node does.</exception>
    public async Task<(NodeStatus Status, ClusterStatus? Cluster)> AskAsync(Uri url, CancellationToken cancellation)
    {
        var status = await GetAsync(new(url, Routes.Status), ContractsJson.Default.NodeStatus, cancellation);
        var cluster = status.ClusterId is null
            ? null
            : await GetAsync(new(url, Routes.Cluster), ContractsJson.Default.ClusterStatus, cancellation);
        return (status, cluster);
    }

    /// <summary>Has a node capture what changed on it; returns when it has.</summary>
    /// <exception cref="HttpRequestException">It cannot be reached, or says why it has not.</exception>
    /// <exception cref="JsonException">It answers, but not as a node does.</exception>
    public async Task<SnapshotResponse> CaptureAsync(Uri url, CancellationToken cancellation)
    {
        using var answer = await _http.PostAsync(new Uri(url, Routes.Snapshots), content: null, cancellation);
        if (!answer.IsSuccessStatusCode)
        {
            var problem = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, cancellation);
            throw new HttpRequestException(problem?.Detail ?? $"It answered {(int)answer.StatusCode}.");
        }

        return await answer.Content.ReadFromJsonAsync(ContractsJson.Default.SnapshotResponse, cancellation)
            ?? throw new JsonException($"{url} answered with nothing.");
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<T> GetAsync<T>(Uri url, JsonTypeInfo<T> type, CancellationToken cancellation)
        where T : class =>
        await _http.GetFromJsonAsync(url, type, cancellation)
        ?? throw new JsonException($"{url} answered with nothing.");
}
