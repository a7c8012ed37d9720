using System.Collections.Immutable;
using KvStore.Balancer.Options;
using KvStore.Balancer.Telemetry;
using Microsoft.Extensions.Options;

namespace KvStore.Balancer.Membership;

/// <summary>
/// Asks every node, each at its own pace, for its status and its view: a node that is slow to answer delays no news of
/// the others. Asks sooner when a request met something unexpected.
/// </summary>
internal sealed class ViewPoller(
    NodeAddresses addresses,
    NodeProbe probe,
    CurrentView view,
    TimeProvider time,
    IOptions<BalancerOptions> options,
    ILogger<ViewPoller> log) : BackgroundService
{
    /// <summary>However much is doubted, a node is not asked more often than this.</summary>
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(25);

    private readonly TimeSpan _interval = options.Value.PollInterval;
    private readonly TimeSpan _timeout = options.Value.PollTimeout;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Dictionary<Uri, (CancellationTokenSource End, Task Loop)> loops = [];
        try
        {
            while (true)
            {
                await ResolveAsync(loops, stoppingToken);
                await Task.Delay(_interval, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The program stops.
        }

        foreach (var (end, loop) in loops.Values)
        {
            await loop;
            end.Dispose();
        }
    }

    private async Task ResolveAsync(
        Dictionary<Uri, (CancellationTokenSource End, Task Loop)> loops, CancellationToken stopping)
    {
        if (await FindAsync(stopping) is not { } found)
            return;
        view.SetAddresses(found);
        foreach (var url in found)
        {
            if (loops.ContainsKey(url))
                continue;
            var end = CancellationTokenSource.CreateLinkedTokenSource(stopping);
            loops.Add(url, (end, PollAsync(url, end.Token)));
        }

        foreach (var url in loops.Keys.Except(found).ToArray())
        {
            loops.Remove(url, out var left);
            await left.End.CancelAsync();
            await left.Loop;
            left.End.Dispose();
        }
    }

    private async Task<ImmutableArray<Uri>?> FindAsync(CancellationToken stopping)
    {
        try
        {
            return await addresses.GetAsync(stopping);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            log.NodesNotFound(failure);    // those found before stay; it is tried again soon
            return null;
        }
    }

    private async Task PollAsync(Uri url, CancellationToken end)
    {
        try
        {
            while (true)
            {
                var doubted = view.Doubted;    // before asking: what is doubted meanwhile is asked for again
                await AskAsync(url, end);
                await Task.Delay(Breath, time, end);
                await WaitAsync(doubted, end);
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The address is no longer one of ours, or the program stops.
        }
    }

    private async Task WaitAsync(Task doubted, CancellationToken end)
    {
        if (doubted.IsCompleted)
            return;
        using var wake = CancellationTokenSource.CreateLinkedTokenSource(end);
        await Task.WhenAny(doubted, Task.Delay(_interval, time, wake.Token));
        await wake.CancelAsync();
        end.ThrowIfCancellationRequested();
    }

    private async Task AskAsync(Uri url, CancellationToken end)
    {
        var askedAt = time.GetTimestamp();
        using var late = new CancellationTokenSource(_timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, end);
        try
        {
            var (status, cluster) = await probe.AskAsync(url, either.Token);
            view.Answered(url, status, cluster);
        }
        catch (Exception failure)
        {
            end.ThrowIfCancellationRequested();
            Judge(url, failure, askedAt);    // whatever it said, it and the others are asked again
        }
    }

    private void Judge(Uri url, Exception failure, long askedAt)
    {
        switch (CallFailure.VerdictOf(failure))
        {
            case CallVerdict.NobodyThere:
                view.Fell(url);
                break;
            case CallVerdict.Late:
                // However soon asking it failed, it has this long to answer something.
                var elapsed = time.GetElapsedTime(askedAt);
                view.WasLate(url, elapsed > _timeout ? elapsed : _timeout);
                break;
            default:
                log.StrangeAnswer(url, failure.Message);
                view.SpokeNonsense(url);
                break;
        }
    }
}
