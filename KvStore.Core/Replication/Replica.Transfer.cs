using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// Handing leadership over (thesis 3.10): stop taking proposals, bring the target up to date, ask it to hold an
/// election. Given up after an election timeout, when the primary goes on as before.
/// </summary>
public sealed partial class Replica
{
    private NodeId _transferTarget;

    /// <summary>The member that should be primary when it is caught up; nobody: no preference.</summary>
    public NodeId Preferred { get; private set; }

    private bool IsTransferring => _transferTarget != NodeId.None;

    private void OnTransfer(NodeId to)
    {
        if (Role != ReplicaRole.Primary || IsTransferring)
            return;
        var target = to == NodeId.None ? MostCaughtUp() : to;
        if (target is not { } found || !Voters.Contains(found) || !_backups.TryGetValue(found, out var backup))
            return;
        _transferTarget = found;
        _elapsedTicks = 0;    // a full election timeout to come to an end in
        ContinueTransfer(backup);
    }

    private void AbandonTransfer() => _transferTarget = NodeId.None;

    private void ContinueTransfer(Progress backup)
    {
        if (backup.Peer == _transferTarget && backup.Match == _log.LastIndex)
            Send(backup.Peer, new PeerMessage.TransferNow(Term));
    }

    private NodeId? MostCaughtUp()
    {
        Progress? best = null;
        foreach (var voter in Voters)
        {
            if (!_backups.TryGetValue(voter, out var backup) || !backup.IsActive)
                continue;
            if (best is null || backup.Match > best.Match)
                best = backup;
        }

        return best?.Peer;
    }

    /// <summary>
    /// The preferred member becomes primary once it has answered for an election timeout and keeps up.
    /// </summary>
    private void ConsiderPreferred()
    {
        if (Preferred == _options.Self || !HasCommittedInTerm)
            return;
        if (_backups.TryGetValue(Preferred, out var backup)
            && backup is { IsActive: true, State: ProgressState.Replicate }
            && backup.Match >= CommitIndex)
        {
            OnTransfer(Preferred);
        }
    }
}
