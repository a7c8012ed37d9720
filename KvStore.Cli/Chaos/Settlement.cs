using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.Ring;

namespace KvStore.Cli.Chaos;

/// <summary>
/// The second half of a round: when the fault has ended, every partition takes a write within 30 s and the cluster is
/// whole again.
/// </summary>
internal sealed class Settlement : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private const int AtOnce = 8;

    private readonly string[] _keys;
    private readonly ChaosCluster _cluster;
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = Patience };

    /// <param name="cluster">That has formed.</param>
    /// <param name="partitions">How many it has.</param>
    public Settlement(ChaosCluster cluster, int partitions)
    {
        _cluster = cluster;
        _keys = OnePerPartition(partitions);
    }

    /// <summary>Waits for both, and gives the time until every partition took a write.</summary>
    /// <exception cref="FailureException">It took too long; says what is missing.</exception>
    public async Task<TimeSpan> WaitAsync()
    {
        var healedAt = Stopwatch.GetTimestamp();
        ConcurrentBag<int> stuck = [];
        var few = new ParallelOptions { MaxDegreeOfParallelism = AtOnce };
        await Parallel.ForAsync(0, _keys.Length, few, async (at, _) =>
        {
            if (!await IsWritableAsync(_keys[at], healedAt).ConfigureAwait(false))
                stuck.Add(at);
        }).ConfigureAwait(false);
        var took = Stopwatch.GetElapsedTime(healedAt);
        if (!stuck.IsEmpty)
        {
            throw new FailureException(
                $"Not writable {Patience.TotalSeconds} s after the fault ended: "
                + $"partitions {string.Join(", ", stuck.Order())}.");
        }

        if (!await _cluster.BecomesHealthyAsync(Patience).ConfigureAwait(false))
            throw new FailureException($"Not healthy {Patience.TotalSeconds} s after all partitions took a write.");
        return took;
    }

    public void Dispose() => _http.Dispose();

    private static string[] OnePerPartition(int partitions)
    {
        var ring = new HashRing([(new NodeId(1), "any")], partitions, 1);
        var keys = new string?[partitions];
        for (var (number, found) = (0, 0); found < partitions; number++)
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"settled/{number}");
            ref var place = ref keys[ring.PartitionOf(Encoding.UTF8.GetBytes(key)).Value];
            found += place is null ? 1 : 0;
            place ??= key;
        }

        return keys!;
    }

    private async Task<bool> IsWritableAsync(string key, long healedAt)
    {
        while (Patience - Stopwatch.GetElapsedTime(healedAt) is { } left && left > TimeSpan.Zero)
        {
            using var request = new HttpRequestMessage(HttpMethod.Put, $"{_cluster.Balancer.Url}{Routes.Keys}{key}");
            request.Headers.Add(KvHeaders.Timeout, KvTimeout.Format(left));
            request.Content = new StringContent("settled");
            try
            {
                using var answer = await _http.SendAsync(request).ConfigureAwait(false);
                if (answer.IsSuccessStatusCode)
                    return true;
            }
            catch (Exception failure) when (failure is HttpRequestException or SocketException
                or OperationCanceledException)
            {
                // Asked again while there is time.
            }
        }

        return false;
    }
}
