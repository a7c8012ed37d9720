using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>What a replica does by itself as time passes.</summary>
internal sealed partial class PartitionReplica
{
    private static readonly Input TickInput = new Input.Tick();
    private static readonly Input MarkInput = new Input.Mark();
    private static readonly StrongBox<ImmutableArray<(NodeId, long)>> NoLags = new([]);

    private ImmutableArray<NodeId> _keepers = [];
    private ImmutableArray<NodeId> _lost = [];
    private GroupConfiguration? _settled;
    private long _ticksSinceMark;
    private PendingWrite? _expiry;

    /// <summary>One unit of time has passed.</summary>
    public void Tick()
    {
        _inputs.Add(TickInput);
        if (Replica.Role != ReplicaRole.Primary)
            _lags = NoLags;
        else if (HaveLagsChanged(_lags.Value))
        {
            _lags = new(
                [.. Replica.Voters.Where(voter => voter != Replica.Primary).Select(voter => (voter, LagOf(voter)))]);
        }

        Rearrange();
        ConsiderMark();
        ConsiderExpiry();
        history?.Trim();
    }

    /// <summary>Who should keep the group, the preferred primary first, and whose disks are lost for ever.</summary>
    public void Follow(ImmutableArray<NodeId> keepers, ImmutableArray<NodeId> lost)
    {
        (_keepers, _lost) = (keepers, lost);
        _settled = null;
        _inputs.Add(new Input.Prefer(keepers[0]));
    }

    /// <summary>
    /// On a primary: one step towards those who should keep the group, if it is not kept by them already.
    /// </summary>
    private void Rearrange()
    {
        if (Replica.Role != ReplicaRole.Primary || _keepers.IsEmpty || ReferenceEquals(_settled, Replica.Configuration))
            return;
        if (ConfigurationPlan.Next(Replica, _keepers, _lost) is { } step)
            _inputs.Add(step);
        else if (Replica.MayReconfigure
            && Replica.Configuration.Learners.IsEmpty
            && _keepers.ToHashSet().SetEquals(Replica.Configuration.Voters))
            _settled = Replica.Configuration;
    }

    /// <summary>
    /// On a primary: a mark now and then, if there is anything new to compare, and not before the last one was taken:
    /// nobody is to fall behind with comparing.
    /// </summary>
    private void ConsiderMark()
    {
        _ticksSinceMark++;
        if (Replica.Role != ReplicaRole.Primary || _ticksSinceMark < markTicks || _applied <= _lastMark
            || Volatile.Read(ref _marked) is not null)
            return;
        _ticksSinceMark = 0;
        _inputs.Add(MarkInput);
    }

    /// <summary>
    /// On a primary: has the log tell the time when something is due by it, a bounded part in one command and one
    /// command at a time.
    /// </summary>
    private void ConsiderExpiry()
    {
        var isAnyDue = _role == ReplicaRole.Primary && _expiry is not { IsDone: false }
            && Image.NextExpiryMs <= NowMs;
        if (!_pace.IsItsTurn(isAnyDue))
            return;
        var command = new Command.Expire();
        _expiry = new PendingWrite(CommandFormat.Encode(command, NowMs), command, Ack.Quorum);
        Add(_expiry);
    }

    private long LagOf(NodeId backup) => Replica.LastIndex - Replica.MatchOf(backup);

    private bool HaveLagsChanged(ImmutableArray<(NodeId Peer, long Entries)> known)
    {
        foreach (var (peer, entries) in known)
        {
            if (entries != LagOf(peer))
                return true;
        }

        return known.Length != Replica.Voters.Length - 1;
    }
}
