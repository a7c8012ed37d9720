using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>One caller's search for a group's primary: whom to ask next, and how long to wait before that.</summary>
internal sealed class PrimarySearch(IPartitions here, PartitionId group, TimeProvider time)
{
    private const int MaxPauseDoublings = 5;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(5);

    private NodeId _asked;
    private NodeId _hint;
    private int _round;

    /// <summary>The member to ask; nobody when none is known.</summary>
    /// <param name="believed">Whom this node's own replica believes in.</param>
    public NodeId Next(NodeId believed)
    {
        _round++;
        if (here.View is not { } view)
            return NodeId.None;
        var keepers = view.KeepersOf(group);
        var best = _hint != NodeId.None ? _hint
            : believed != NodeId.None ? believed
            : here.PrimaryOf(group).Primary;
        _hint = NodeId.None;
        return _asked = best == NodeId.None || (best == _asked && _round % 2 == 0)
            ? keepers[_round / 2 % keepers.Length]
            : best;
    }

    /// <summary>Who was asked is not the primary and names another, or nobody.</summary>
    public void Hear(NodeId hint) => _hint = hint != _asked ? hint : NodeId.None;

    /// <summary>
    /// Waits until this node believes in another primary, at most a little longer each time; not at all where a hint
    /// was just heard.
    /// </summary>
    public ValueTask PauseAsync(CancellationToken deadline) => _hint != NodeId.None && _round <= MaxPauseDoublings
        ? ValueTask.CompletedTask
        : PauseAsync(here, group, _asked, _round, time, deadline);

    /// <summary>
    /// Waits until this node believes in another primary than the one that was asked, at most a little longer each
    /// round: the belief may be right and the node only restarting. A belief that changes all the time is not followed
    /// all the time.
    /// </summary>
    public static async ValueTask PauseAsync(
        IPartitions here,
        PartitionId group,
        NodeId asked,
        int round,
        TimeProvider time,
        CancellationToken deadline)
    {
        using var pause = CancellationTokenSource.CreateLinkedTokenSource(deadline);
        var changed = here.PrimaryChangedAsync(group, asked, pause.Token);
        if (changed.IsCompleted && round > 1)
            changed = Task.Delay(FirstPause, time, pause.Token);
        var longest = FirstPause * (1 << Math.Min(round, MaxPauseDoublings));
        await Task.WhenAny(changed, Task.Delay(longest, time, pause.Token)).ConfigureAwait(false);
        await pause.CancelAsync().ConfigureAwait(false);
    }
}
