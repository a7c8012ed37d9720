using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>
/// The histories of all partitions: this node's own, and, of partitions that it has no replica of, copies that are fed
/// by a member that has one as long as anybody here watches. All watches of the node share them.
/// </summary>
internal sealed class HistoryFeeds(IPartitions here, IHistoryPeers peers, TimeProvider time)
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<PartitionId, Task> _feeds = [];
    private ChangeHistory?[]? _fed;
    private int _round;

    /// <summary>A partition's history; null before there is a view.</summary>
    public ChangeHistory? Of(PartitionId partition) =>
        here.HistoryOf(partition) ?? Volatile.Read(ref _fed)?[partition.Value];

    /// <summary>Keeps the copies fed; returns when it is told to stop, and all that it began has ended.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            if (here.View is not null)
                Look(stopping);
            await Task.Delay(LookInterval, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await Task.WhenAll(_feeds.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Has every partition fed that has no replica here and is not fed.</summary>
    internal void Look(CancellationToken stopping)
    {
        var view = here.View!;
        if (_fed is null)
        {
            var fed = new ChangeHistory?[view.Ring.PartitionCount];
            foreach (var partition in Enumerable.Range(0, fed.Length).Select(number => new PartitionId(number)))
            {
                if (here.HistoryOf(partition) is null)
                    fed[partition.Value] = new ChangeHistory(here.HistoryBudget, ChangeHistory.NothingKnown);
            }

            Volatile.Write(ref _fed, fed);
        }

        var unfed = _fed.Index()
            .Where(place => place.Item is not null)
            .Select(place => new PartitionId(place.Index))
            .Where(partition => !_feeds.TryGetValue(partition, out var feed) || feed.IsCompleted);
        _round++;
        foreach (var group in unfed.GroupBy(KeeperFor).Where(group => group.Key != NodeId.None).ToList())
        {
            ImmutableArray<PartitionId> partitions = [.. group];
            var feed = FeedAsync(group.Key, partitions, stopping);
            foreach (var partition in partitions)
                _feeds[partition] = feed;
        }
    }

    /// <summary>Another one each time, of those that can be asked.</summary>
    private NodeId KeeperFor(PartitionId partition)
    {
        var connected = here.View!.KeepersOf(partition).Where(peers.IsConnected).ToList();
        return connected.Count == 0 ? NodeId.None : connected[_round % connected.Count];
    }

    private async Task FeedAsync(NodeId peer, ImmutableArray<PartitionId> partitions, CancellationToken stopping)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        ImmutableArray<(PartitionId, long)> after =
            [.. partitions.Select(partition => (partition, _fed![partition.Value]!.Reached))];
        await foreach (var news in peers.FollowAsync(peer, after, stopping).ConfigureAwait(false))
        {
            if (!partitions.Contains(news.Partition) || news.IsAbsent)
                return;    // the view here is older than there: another one is asked, of all
            if (!TryTake(_fed![news.Partition.Value]!, news))
                return;
            here.Applied.Set();
        }
    }

    /// <summary>False: the news do not go on from what is known here.</summary>
    internal static bool TryTake(ChangeHistory history, FollowedChanges news)
    {
        if (news.From is { } from)
            history.Restart(from);
        foreach (var command in news.Commands)
        {
            if (command.Index.Value <= history.Reached)
                return false;
            history.Append(command);
        }

        if (news.Reached > history.Reached)
            history.Reach(news.Reached);
        return true;
    }
}
