using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>The primary: takes proposals, feeds backups, moves the commit index.</summary>
public sealed partial class Replica
{
    private readonly Dictionary<NodeId, Progress> _backups = [];
    private LogIndex _firstOfTerm;
    private LogIndex _uncommittedFrom;
    private long _uncommittedBytes;

    /// <summary>On a primary: the last entry that <paramref name="peer"/> is known to hold flushed.</summary>
    public LogIndex MatchOf(NodeId peer) =>
        _backups.TryGetValue(peer, out var backup) ? backup.Match : LogIndex.Zero;

    /// <summary>
    /// On a primary: how many voters, itself included, hold the entry at <paramref name="index"/> flushed.
    /// </summary>
    public int CopiesOf(LogIndex index)
    {
        var copies = FlushedIndex >= index ? 1 : 0;
        foreach (var voter in Voters)
        {
            if (_backups.TryGetValue(voter, out var backup) && backup.Match >= index)
                copies++;
        }

        return copies;
    }

    /// <summary>
    /// Whether an entry of its own term is committed: before that a primary does not know what is (section 8).
    /// </summary>
    private bool HasCommittedInTerm => CommitIndex >= _firstOfTerm;

    /// <summary>What a primary tells of the time.</summary>
    private ClockReading Reading => Clocks.Of(Configuration.Era) with { ToldIn = Term };

    private void BecomePrimary()
    {
        Invariant.Holds(Role == ReplicaRole.Candidate);
        Invariant.Holds(_hardState.Vote == _options.Self);
        Invariant.Holds(IsVoter);
        Role = ReplicaRole.Primary;
        Primary = _options.Self;
        _elapsedTicks = 0;
        _firstOfTerm = _log.LastIndex.Next();
        FollowConfiguration(_firstOfTerm);
        _uncommittedFrom = _firstOfTerm;
        if (Reading.IsTold)
            AppendToLog(new LogEntry(_firstOfTerm, Term, EntryKind.Empty, ReadOnlyMemory<byte>.Empty));
        else
            BeginEra();
        BeginRound();    // the others learn who won before any of them loses patience
    }

    /// <summary>
    /// The entry that says so leaves together with the era's first reading, as all that follows does: a majority that
    /// takes it has been told. No change of members: it may stand above one that is not committed (thesis 4.1).
    /// </summary>
    private void BeginEra()
    {
        AppendToLog(ConfigurationEntry(_firstOfTerm, Configuration.WithEra(Era.BegunIn(Term))));
        Clocks = Clocks.WithBegun(Term);
    }

    /// <summary>Waiting reads are refused before anything of a later term is looked at.</summary>
    private void LeaveOffice()
    {
        RefuseReads();
        AbandonTransfer();
        _backups.Clear();
        _uncommittedBytes = 0;
    }

    private void OnPropose(Input.Propose propose)
    {
        if (Role != ReplicaRole.Primary || IsTransferring)
        {
            _effects.Refused.Add(new Refused(propose.Ticket, RefusalReason.NotPrimary));
            return;
        }

        if ((_uncommittedBytes > 0 && _uncommittedBytes + propose.Payload.Length > _options.MaxUncommittedBytes)
            || _log.LastIndex - CommitIndex >= _options.MaxUncommittedEntries)
        {
            _effects.Refused.Add(new Refused(propose.Ticket, RefusalReason.Overloaded));
            return;
        }

        var entry = new LogEntry(_log.LastIndex.Next(), Term, EntryKind.Command, propose.Payload);
        AppendToLog(entry);
        _uncommittedBytes += entry.Payload.Length;
        _effects.Accepted.Add(new Accepted(propose.Ticket, entry.Index, entry.Term));
    }

    private void OnMark()
    {
        if (Role == ReplicaRole.Primary && !IsTransferring)
            AppendToLog(new LogEntry(_log.LastIndex.Next(), Term, EntryKind.Empty, ReadOnlyMemory<byte>.Empty));
    }

    private void OnPrimaryTick()
    {
        if (_elapsedTicks % _options.HeartbeatTicks == 0)
            BeatHearts();
        if (_elapsedTicks < _options.ElectionTicks)
            return;
        _elapsedTicks = 0;
        CheckQuorum();
    }

    /// <summary>
    /// A primary that a majority no longer answers steps down, so that callers turn elsewhere (thesis 6.2).
    /// </summary>
    private void CheckQuorum()
    {
        AbandonTransfer();
        var active = 1;
        foreach (var voter in Voters)
        {
            if (_backups.TryGetValue(voter, out var backup) && backup.IsActive)
                active++;
        }

        if (active < Configuration.Majority)
        {
            BecomeBackup(Term, NodeId.None);
            return;
        }

        ConsiderPreferred();
        foreach (var backup in _backups.Values)
            backup.IsActive = false;
    }

    private void BeatHearts()
    {
        foreach (var member in Configuration.Members)
        {
            if (!_backups.TryGetValue(member, out var backup))
                continue;
            backup.OnHeartbeat(_log.LastIndex);
            SendHeartbeat(backup);
        }
    }

    private void SendHeartbeat(Progress backup) => Send(backup.Peer, new PeerMessage.Heartbeat(
        Term,
        LogIndex.Min(backup.Match, CommitIndex),
        _round,
        FreshAt: HasCommittedInTerm ? CommitIndex : _firstOfTerm,    // until then all that it knows
        Clocks.Stamp,
        Echo: backup.Stamp,    // came before the line above was reached: what is complete there was so then
        Reading));

    private void OnHeartbeatReply(Progress backup, PeerMessage.HeartbeatReply reply)
    {
        backup.IsActive = true;
        backup.Round = Math.Max(backup.Round, reply.Round);
        backup.Stamp = reply.Stamp;    // of another process than the one before, it may be smaller
        ConfirmReads();
    }

    private void OnAppendReply(Progress backup, PeerMessage.AppendReply reply)
    {
        backup.IsActive = true;
        if (!reply.IsAccepted)
        {
            backup.Refuse(reply.Index, _log.LastAgreeing(reply.HintIndex, reply.HintTerm).Index);
            return;
        }

        if (backup.Accept(reply.Index))
            AdvanceCommit();
        if (backup.State != ProgressState.Replicate && backup.Match >= _log.StartIndex)
            backup.BecomeReplicate();
        ContinueTransfer(backup);
    }

    private void OnSnapshotSent(Input.SnapshotSent sent)
    {
        if (_backups.TryGetValue(sent.To, out var backup) && backup.State == ProgressState.Snapshot)
            backup.LeaveSnapshot(sent.HasArrived ? sent.Index.Next() : backup.Match.Next());
    }

    /// <summary>Once per step, so that all proposals of a step leave in one message per backup.</summary>
    private void FeedBackups()
    {
        if (_isRoundDue)
            StartRound();
        foreach (var member in Configuration.Members)
        {
            if (_backups.TryGetValue(member, out var backup))
                Feed(backup);
        }
    }

    private void Feed(Progress backup)
    {
        while (backup.MaySend(_options.MaxInFlight) && backup.Next <= _log.LastIndex)
        {
            var previous = backup.Next - 1;
            if (_log.TermAt(previous) is not { } previousTerm)
            {
                OfferSnapshot(backup);
                return;
            }

            var entries = _log.Slice(backup.Next, _options.MaxAppendBytes);
            Send(backup.Peer, new PeerMessage.AppendRequest(
                Term, previous, previousTerm, entries, CommitIndex, Reading));
            backup.Sent(entries[^1].Index);
        }
    }

    /// <summary>Only to a backup that answers: a snapshot for a dead one would be captured again and again.</summary>
    private void OfferSnapshot(Progress backup)
    {
        if (!backup.IsActive)
            return;
        backup.BecomeSnapshot();
        _effects.SendSnapshot.Add((backup.Peer, Term));
    }

    /// <summary>
    /// Committed is what a majority has flushed, counted for entries of this term alone: older ones commit with them,
    /// since by themselves they could still be replaced (section 5.4.2, figure 8).
    /// </summary>
    private void AdvanceCommit()
    {
        var voters = Voters;
        Span<long> flushed = stackalloc long[voters.Length];
        for (var i = 0; i < flushed.Length; i++)
        {
            var voter = voters[i];
            flushed[i] = (voter == _options.Self ? FlushedIndex : _backups[voter].Match).Value;
        }

        var reached = new LogIndex(Quorum.ReachedByMajority(flushed));
        if (reached <= CommitIndex || _log.TermAt(reached) != Term)
            return;
        for (var index = LogIndex.Max(CommitIndex.Next(), _uncommittedFrom); index <= reached; index = index.Next())
            _uncommittedBytes -= _log[index].Kind == EntryKind.Command ? _log[index].Payload.Length : 0;
        var isFirst = !HasCommittedInTerm;
        CommitIndex = reached;
        if (isFirst)
            BeginRound();    // reads that waited for this may be confirmed now
    }
}
