using System.Diagnostics;
using KvStore.Verification;

namespace KvStore.Cli.Chaos.Load;

/// <summary>Does one thing after the other, each of a kind drawn by chance.</summary>
/// <param name="home">The place of the door that it goes through.</param>
/// <param name="doors">All.</param>
/// <param name="log">Where it writes down what it is told.</param>
/// <param name="numbers">Of this run.</param>
/// <param name="random">Its chance.</param>
internal sealed class ChaosClient(
    int home, IReadOnlyList<Door> doors, RoundLog log, ClientNumbers numbers, Random random)
{
    /// <summary>Works until it is told to stop; an operation that was begun is brought to its end.</summary>
    public async Task RunAsync(IReadOnlyList<ILoad> loads, TimeSpan pace, CancellationToken stop)
    {
        using var http = ClientSession.NewHttp();
        var session = new ClientSession(http, home, doors, log, numbers, random);
        while (!stop.IsCancellationRequested)
        {
            var startedAt = Stopwatch.GetTimestamp();
            await loads[random.Next(loads.Count)].ActAsync(session).ConfigureAwait(false);
            var rest = (pace * (random.NextDouble() * 2)) - Stopwatch.GetElapsedTime(startedAt);
            if (rest > TimeSpan.Zero)
                await Task.Delay(rest, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Reads or writes every key, each as often as it takes until patience with it ends.</summary>
    /// <returns>The keys that did not answer.</returns>
    public async Task<IReadOnlyList<string>> AskAllAsync(
        OperationKind kind, IEnumerable<string> keys, TimeSpan patience)
    {
        using var http = ClientSession.NewHttp();
        var session = new ClientSession(http, home, doors, log, numbers, random);
        List<string> silent = [];
        foreach (var key in keys)
        {
            var startedAt = Stopwatch.GetTimestamp();
            while (await session.EndAsync(session.Begin(kind, key), requestId: null).ConfigureAwait(false)
                is not OperationResult.Ok)
            {
                if (Stopwatch.GetElapsedTime(startedAt) > patience)
                {
                    silent.Add(key);
                    break;
                }
            }
        }

        return silent;
    }
}
