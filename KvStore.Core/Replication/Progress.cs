using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>How a primary feeds one backup.</summary>
internal enum ProgressState
{
    /// <summary>Where both logs agree is not known: one message at a time.</summary>
    Probe,

    /// <summary>Entries stream, many messages in flight.</summary>
    Replicate,

    /// <summary>The backup is behind the log's start; a snapshot is on its way and nothing else is sent.</summary>
    Snapshot,
}

/// <summary>What a primary knows of one backup.</summary>
internal sealed class Progress(NodeId peer, LogIndex next)
{
    private readonly Queue<LogIndex> _inFlight = [];
    private LogIndex _matchAtHeartbeat;

    public NodeId Peer { get; } = peer;

    public ProgressState State { get; private set; } = ProgressState.Probe;

    /// <summary>The backup holds everything up to here, flushed, and it agrees with the primary's log.</summary>
    public LogIndex Match { get; private set; }

    /// <summary>The next entry to send.</summary>
    public LogIndex Next { get; private set; } = next;

    /// <summary>Whether it has been heard since the primary last counted.</summary>
    public bool IsActive { get; set; }

    /// <summary>The latest heartbeat round that it has echoed in this term.</summary>
    public long Round { get; set; }

    /// <summary>The last stamp that came from it in this term; 0 when none did.</summary>
    public long Stamp { get; set; }

    /// <summary>Whether a probe is out and unanswered.</summary>
    private bool IsProbing { get; set; }

    public bool MaySend(int maxInFlight) => State switch
    {
        ProgressState.Probe => !IsProbing,
        ProgressState.Replicate => _inFlight.Count < maxInFlight,
        _ => false,
    };

    /// <summary>Entries up to <paramref name="last"/> have been sent.</summary>
    public void Sent(LogIndex last)
    {
        if (State == ProgressState.Probe)
        {
            IsProbing = true;
            return;
        }

        if (last < Next)
            return;
        Next = last.Next();
        _inFlight.Enqueue(last);
    }

    /// <summary>The backup holds everything up to <paramref name="index"/>. True when that is news.</summary>
    public bool Accept(LogIndex index)
    {
        var isNews = index > Match;
        Match = LogIndex.Max(Match, index);
        Next = LogIndex.Max(Next, Match.Next());
        while (_inFlight.TryPeek(out var sent) && sent <= index)
            _inFlight.Dequeue();
        return isNews;
    }

    /// <summary>
    /// The backup lacks the entry at <paramref name="refused"/>; both may agree at <paramref name="agreeing"/>. False
    /// when that is an old answer, overtaken by what is known since.
    /// </summary>
    public bool Refuse(LogIndex refused, LogIndex agreeing)
    {
        if (State == ProgressState.Snapshot || refused <= Match)
            return false;
        if (State == ProgressState.Probe && refused != Next - 1)
            return false;
        BecomeProbe(LogIndex.Max(LogIndex.Min(refused, agreeing.Next()), Match.Next()));
        return true;
    }

    public void BecomeReplicate()
    {
        State = ProgressState.Replicate;
        Next = Match.Next();
        _inFlight.Clear();
        _matchAtHeartbeat = LogIndex.Zero;
    }

    public void BecomeProbe(LogIndex next)
    {
        State = ProgressState.Probe;
        Next = next;
        IsProbing = false;
        _inFlight.Clear();
    }

    public void BecomeSnapshot()
    {
        State = ProgressState.Snapshot;
        _inFlight.Clear();
    }

    /// <summary>The snapshot is on the other side or lost: the next heartbeat's probe will tell.</summary>
    public void LeaveSnapshot(LogIndex next)
    {
        BecomeProbe(LogIndex.Max(next, Match.Next()));
        IsProbing = true;
    }

    /// <summary>
    /// Once per heartbeat: an unanswered probe is repeated, and when everything was sent but nothing arrived since the
    /// last heartbeat, probing starts over behind the match, since a lost message is not reported by anyone.
    /// </summary>
    public void OnHeartbeat(LogIndex lastIndex)
    {
        IsProbing = false;
        var isStalled = Match < lastIndex && Match == _matchAtHeartbeat;
        if (isStalled && (State == ProgressState.Replicate || (State == ProgressState.Probe && Next > lastIndex)))
            BecomeProbe(Match.Next());
        _matchAtHeartbeat = Match;
    }
}
