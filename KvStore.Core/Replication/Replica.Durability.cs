using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// What must be durable before what is said. All changes of one step leave as one numbered <see cref="Persist"/>; a
/// message that rests on it waits here until the host reports that number flushed.
/// </summary>
public sealed partial class Replica
{
    private readonly Queue<(long Number, LogIndex LastIndex)> _flushes = [];
    private readonly Queue<(long Number, Envelope Envelope)> _heldBack = [];
    private HardState _hardState;
    private bool _isHardStateChanged;
    private long _hardStateNumber;
    private Snapshot? _installed;
    private LogIndex _unemittedFrom;
    private long _lastNumber;
    private long _flushedNumber;

    /// <summary>The number of the persist that carries everything decided so far.</summary>
    private long LatestNumber => HasUnemitted ? _lastNumber + 1 : _lastNumber;

    private bool HasUnemitted => _isHardStateChanged || _installed is not null || _unemittedFrom <= _log.LastIndex;

    private bool IsHardStateFlushed => !_isHardStateChanged && _hardStateNumber <= _flushedNumber;

    private void Remember(HardState hardState)
    {
        Invariant.Holds(hardState.Term >= _hardState.Term);
        Invariant.Holds(hardState.Term > _hardState.Term || _hardState.Vote == NodeId.None
            || _hardState.Vote == hardState.Vote);    // one vote per term
        if (hardState == _hardState)
            return;
        _hardState = hardState;
        _isHardStateChanged = true;
    }

    /// <summary>Sends as soon as the term and vote it speaks for are durable.</summary>
    private void Send(NodeId to, PeerMessage message) => SendWhen(IsHardStateFlushed, to, message);

    /// <summary>Sends as soon as all that this replica has taken up to now is durable.</summary>
    private void SendWhenFlushed(NodeId to, PeerMessage message) =>
        SendWhen(LatestNumber <= _flushedNumber, to, message);

    private void SendWhen(bool isDurable, NodeId to, PeerMessage message)
    {
        var envelope = new Envelope(_options.Partition, to, message);
        if (isDurable)
            _effects.Send.Add(envelope);
        else
            _heldBack.Enqueue((LatestNumber, envelope));
    }

    private void AppendToLog(LogEntry entry)
    {
        _unemittedFrom = LogIndex.Min(_unemittedFrom, entry.Index);
        _log.Append(entry);
        _configurations.Append(entry);
        if (entry.Kind == EntryKind.Configuration && Role == ReplicaRole.Primary)
            FollowConfiguration(entry.Index);
    }

    private void TruncateLogFrom(LogIndex index)
    {
        Invariant.Holds(index > CommitIndex);    // what is committed is never taken back
        _log.TruncateFrom(index);
        _configurations.TruncateFrom(index);
        ForgetFlushesFrom(index);
        _unemittedFrom = LogIndex.Min(_unemittedFrom, index);
    }

    private void RestartLogAt(Snapshot snapshot)
    {
        _log.RestartAt(snapshot.Index, snapshot.Term);
        _configurations.RestartAt(snapshot.Configuration);
        ForgetFlushesFrom(LogIndex.Zero.Next());
        _installed = snapshot;
        _unemittedFrom = snapshot.Index.Next();
    }

    /// <summary>
    /// A flush that is still under way then says nothing about the entries that replaced the ones it carries.
    /// </summary>
    private void ForgetFlushesFrom(LogIndex index)
    {
        FlushedIndex = LogIndex.Min(FlushedIndex, index - 1);
        for (var i = _flushes.Count; i > 0; i--)
        {
            var flush = _flushes.Dequeue();
            _flushes.Enqueue(flush with { LastIndex = LogIndex.Min(flush.LastIndex, index - 1) });
        }
    }

    private void EmitPersist()
    {
        if (!HasUnemitted)
            return;
        var number = ++_lastNumber;
        var entries = _log.Slice(_unemittedFrom, int.MaxValue);
        _effects.Persist.Add(new Persist(
            _options.Partition, number, _isHardStateChanged ? _hardState : null, entries, _installed));
        _flushes.Enqueue((number, _log.LastIndex));
        if (_isHardStateChanged)
            _hardStateNumber = number;
        _isHardStateChanged = false;
        _installed = null;
        _unemittedFrom = _log.LastIndex.Next();
    }

    private void OnPersisted(long number)
    {
        Invariant.Holds(number > _flushedNumber);
        Invariant.Holds(number <= _lastNumber);
        _flushedNumber = number;
        while (_flushes.TryPeek(out var flush) && flush.Number <= number)
        {
            FlushedIndex = LogIndex.Max(FlushedIndex, flush.LastIndex);
            _flushes.Dequeue();
        }

        Invariant.Holds(FlushedIndex <= _log.LastIndex);
        while (_heldBack.TryPeek(out var held) && held.Number <= number)
        {
            _effects.Send.Add(held.Envelope);
            _heldBack.Dequeue();
        }

        if (Role == ReplicaRole.Candidate && IsHardStateFlushed)
            OnVoteGranted(_options.Self);
        if (Role == ReplicaRole.Primary)
            AdvanceCommit();
    }
}
