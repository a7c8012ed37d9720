using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Node.Membership;
using KvStore.Node.Options;
using KvStore.Node.Storage;
using KvStore.Node.Telemetry;
using KvStore.ServiceDefaults;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Replication;

/// <summary>
/// A node's life: forms or rejoins its cluster, runs the replicas, hands over what it leads before it stops.
/// </summary>
internal sealed class NodeHost(
    NodeIdentity self,
    CurrentView current,
    PeerDirectory directory,
    NodeStorage storage,
    PartitionRouter router,
    PeerTransport transport,
    ViewKeeper keeper,
    NodeEnd end,
    IOptions<NodeOptions> options,
    TimeProvider time,
    ILogger<NodeHost> logger) : BackgroundService, IHostedLifecycleService
{
    private static readonly TimeSpan HandOverPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan HandOverTurn = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AskInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan AskAgainInterval = TimeSpan.FromSeconds(1);

    private Task _loops = Task.CompletedTask;
    private string? _said;

    /// <summary>
    /// Before anything listens: a node that remembers its cluster never says that it has none, or others, on empty
    /// disks, would found another one with it.
    /// </summary>
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (storage.View is { } view)
                current.Set(view, CheckPlace(view).Id);
            return Task.CompletedTask;
        }
        catch (FormationException failure)
        {
            throw new StartupException(failure.Message, failure);
        }
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>While the API still answers: gives every led partition to another copy.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        end.IsStopping = true;
        await HandOverAsync(cancellationToken).ConfigureAwait(false);
        end.EndLinks();    // the server stops next, and would wait for them
    }

    /// <summary>
    /// Until nothing is led: a message may be lost, and where this node is the preferred primary, others may give it
    /// back.
    /// </summary>
    private async Task HandOverAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(HandOverPatience);
        while (router.Replicas.Where(replica => replica.IsPrimaryWithOthers).ToList() is { Count: > 0 } led)
        {
            if (patience.IsCancellationRequested)
            {
                logger.NotHandedOver(led.Count);
                return;
            }

            logger.HandingOver(led.Count);
            using var turn = CancellationTokenSource.CreateLinkedTokenSource(patience.Token);
            turn.CancelAfter(HandOverTurn);
            foreach (var replica in led)
                router.Post(replica, new Input.Transfer(NodeId.None));
            await Task.WhenAll(led.Select(replica => GivenUpAsync(replica, turn.Token))).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// The loops end here; links and log, on which they rest, are closed with the services after that.
    /// </summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken).ConfigureAwait(false);
        router.Stop();
        await _loops.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            if (current.View is null)
            {
                var view = await FormAsync(stoppingToken).ConfigureAwait(false);
                current.Set(view, CheckPlace(view).Id);
            }

            await JoinAsync(current.View!, current.Self).ConfigureAwait(false);
            var asking = KeepAskingAsync(stoppingToken);
            var ticking = TickAsync(stoppingToken);
            var failure = await Task.WhenAny(_loops, storage.Log.Failed, asking, ticking).ConfigureAwait(false);
            await OnEndAsync(failure, stoppingToken).ConfigureAwait(false);
            await Task.WhenAll(asking, ticking).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // stopped while forming
        }
        catch (Exception failure)
        {
            FailBy(failure);
        }
    }

    /// <summary>Whatever ends the life of a node ends the process, with a line that says why.</summary>
    private void FailBy(Exception failure)
    {
        switch (failure)
        {
            case FormationException or InvalidDataException:
                end.Fail(failure.Message);
                break;
            case IOException or UnauthorizedAccessException:
                end.Fail($"The disk does not keep what it is given: {failure.Message}");
                break;
            case InvariantBrokenException:
                logger.InvariantBroken(failure.Message, failure);
                end.Fail($"A replica's state is wrong: {failure.Message}");
                break;
            default:
                logger.DefectFound(failure.Message, failure);
                end.Fail($"A defect of the program: {failure.GetType().Name}: {failure.Message}");
                break;
        }
    }

    private async Task OnEndAsync(Task ended, CancellationToken stoppingToken)
    {
        if (stoppingToken.IsCancellationRequested)
            return;
        if (storage.Log.Failed.IsCompleted)    // first: whoever waited for the disk fails with it
        {
            var reason = (await storage.Log.Failed.ConfigureAwait(false)).Message;
            logger.LogFailed(reason);
            end.Fail($"The disk does not keep what it is given: {reason}");
        }
        else if (ended.Exception?.GetBaseException() is { } failure)
        {
            FailBy(failure);
        }
    }

    private async Task<ClusterView> FormAsync(CancellationToken stopping)
    {
        if (directory.Addresses.Count == 0)
            logger.Alone(self.Name);
        while (true)
        {
            var answers = await directory.AskAllAsync(stopping).ConfigureAwait(false);
            var view = ClusterFormation.TryForm(
                self,
                options.Value,
                directory.Addresses,
                answers,
                out var waitingFor,
                storage.Directory.Rejoin?.ClusterId);
            if (view is not null && MemberOn(self, view) is null)
                view = await AskToJoinAsync(answers, stopping).ConfigureAwait(false);
            if (view is not null)
            {
                CheckPlace(view);
                storage.Directory.SaveClusterDocument(ClusterDocument.Encode(view));
                return view;
            }

            Say(waitingFor, logger.Forming);
            await Task.Delay(AskInterval, time, stopping).ConfigureAwait(false);
        }
    }

    /// <summary>To the log when it is news, and to whoever asks for the status.</summary>
    private void Say(string? waitingFor, Action<string, ulong, string> log)
    {
        if (waitingFor is null || waitingFor == _said)
            return;
        current.WaitingFor = _said = waitingFor;
        log(self.Name, self.Incarnation, waitingFor);
    }

    private static Member? MemberOn(NodeIdentity self, ClusterView view) =>
        view.Members.FirstOrDefault(member => member.Name == self.Name && member.Incarnation == self.Incarnation);

    /// <summary>
    /// The cluster knows this node by another disk: asks each that answers to be taken in on this one.
    /// </summary>
    private async Task<ClusterView?> AskToJoinAsync(IReadOnlyList<PeerDirectory.Peer> peers, CancellationToken stopping)
    {
        foreach (var peer in peers)
        {
            var (view, why, isFinal) = await directory.AskToJoinAsync(peer, stopping).ConfigureAwait(false);
            if (view is not null)
                return ClusterDocument.ViewOf(view);
            if (isFinal)
                throw new FormationException($"{peer.Status.Name} does not take this node in: {why}");
            Say(why, logger.AskingToJoin);
        }

        await Task.Delay(AskAgainInterval, time, stopping).ConfigureAwait(false);
        return null;
    }

    /// <exception cref="FormationException">This node, on this disk, is not in the view.</exception>
    private Member CheckPlace(ClusterView view)
    {
        ClusterFormation.CheckNotReplaced(self, view);
        return MemberOn(self, view) ?? throw new FormationException(
            $"This directory belongs to a cluster in which {self.Name} is not on this disk.");
    }

    private async Task JoinAsync(ClusterView view, NodeId id)
    {
        // first: a replica that hears a peer answers at once
        await transport.FollowAsync(view).ConfigureAwait(false);
        _loops = router.Start(view, id);
        current.Open();
        var members = string.Join(", ", view.Members.Select(other => $"{other.Id}={other.Name}"));
        logger.Joined(self.Name, id.Value, view.ClusterId, view.Epoch.Value, members);
    }

    /// <summary>
    /// Nodes may come back under another address or on another disk: asks as long as a link is down, and
    /// follows who knows of a newer view.
    /// </summary>
    private async Task KeepAskingAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            var others = current.View!.Members.Where(member => member.Id != current.Self);
            if (others.Any(member => !transport.IsConnected(member.Id)))
            {
                await FollowNewestAsync(await directory.AskAllAsync(stopping).ConfigureAwait(false))
                    .ConfigureAwait(false);
            }

            await Task.Delay(AskAgainInterval, time, stopping).ConfigureAwait(false);
        }
    }

    private async Task FollowNewestAsync(IReadOnlyList<PeerDirectory.Peer> peers)
    {
        var view = current.View!;
        ClusterFormation.CheckCompany(self, view, directory.Addresses.Count, peers);
        var newest = peers.Select(peer => peer.Status)
            .Where(status => status.ClusterId == ClusterDocument.Hex(view.ClusterId))
            .MaxBy(status => status.Epoch);
        if (newest?.Epoch > view.Epoch.Value && ClusterDocument.TryViewOf(newest) is { } next)
            await keeper.FollowAsync(next).ConfigureAwait(false);
    }

    private async Task TickAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(options.Value.Tick, time);
        while (await timer.WaitForNextTickAsync(stopping).ConfigureAwait(false))
            router.Tick();
    }

    private async Task GivenUpAsync(PartitionReplica replica, CancellationToken patience)
    {
        while (replica.Role == ReplicaRole.Primary)
        {
            await router.PrimaryChangedAsync(replica.Partition, current.Self, patience)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (patience.IsCancellationRequested)
                return;
        }
    }
}
