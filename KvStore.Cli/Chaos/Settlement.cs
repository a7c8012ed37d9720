using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using System.Net.Sockets;
using KvStore.Contracts;

namespace KvStore.Cli.Chaos;

/// <summary>The second half of a round: when the fault has ended, every partition takes a write in time.</summary>
/// <param name="door">Where the writes go in.</param>
/// <param name="placement">Of the cluster behind it.</param>
/// <param name="patience">How long it may take.</param>
internal sealed class Settlement(string door, Placement placement, TimeSpan patience) : IDisposable
{
    /// <summary>What is promised.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private const int AtOnce = 8;

    /// <summary>Between two tries: a disk that is full says so at once.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly ImmutableArray<string> _keys = placement.OneKeyEach("settled/");
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = patience };

    /// <summary>Writes to every partition, and gives the time until the last took it.</summary>
    /// <exception cref="FailureException">It took too long; says what is missing.</exception>
    public async Task<TimeSpan> WaitAsync()
    {
        var healedAt = Stopwatch.GetTimestamp();
        ConcurrentDictionary<int, string> stuck = [];
        var few = new ParallelOptions { MaxDegreeOfParallelism = AtOnce };
        await Parallel.ForAsync(0, _keys.Length, few, async (at, _) =>
        {
            if (await RefusedUntilTheEndAsync(_keys[at], healedAt).ConfigureAwait(false) is { } why)
                stuck[at] = why;
        }).ConfigureAwait(false);
        var took = Stopwatch.GetElapsedTime(healedAt);
        if (stuck.IsEmpty)
            return took;
        throw new FailureException(
            $"Not writable {patience.TotalSeconds} s after the fault ended: partitions "
            + $"{string.Join(", ", stuck.Keys.Order())}: {string.Join(", ", stuck.Values.Distinct().Order())}.");
    }

    public void Dispose() => _http.Dispose();

    /// <returns>The last answer; null once a try succeeded.</returns>
    private async Task<string?> RefusedUntilTheEndAsync(string key, long healedAt)
    {
        var why = "no answer";
        while (patience - Stopwatch.GetElapsedTime(healedAt) is { } left && left > TimeSpan.Zero)
        {
            using var request = new HttpRequestMessage(HttpMethod.Put, $"{door}{Routes.Keys}{key}");
            request.Headers.Add(KvHeaders.Timeout, KvTimeout.Format(left));
            request.Content = new StringContent("settled");
            try
            {
                using var answer = await _http.SendAsync(request).ConfigureAwait(false);
                if (answer.IsSuccessStatusCode)
                    return null;
                why = $"{(int)answer.StatusCode}";
            }
            catch (Exception failure) when (failure is HttpRequestException or SocketException
                or OperationCanceledException)
            {
                // Asked again while there is time.
            }

            await Task.Delay(Pause).ConfigureAwait(false);
        }

        return why;
    }
}
