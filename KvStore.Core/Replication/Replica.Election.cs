using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>Time, terms and votes.</summary>
public sealed partial class Replica
{
    private readonly HashSet<NodeId> _granted = [];
    private readonly HashSet<NodeId> _denied = [];
    private int _elapsedTicks;
    private int _electionTimeout;

    private bool HearsPrimary => Primary != NodeId.None && _elapsedTicks < _options.ElectionTicks;

    private void OnTick()
    {
        _elapsedTicks++;
        if (Role == ReplicaRole.Primary)
            OnPrimaryTick();
        else if (_elapsedTicks >= _electionTimeout && IsVoter)
            BecomePreCandidate();
    }

    private void DrawElectionTimeout()
    {
        _elapsedTicks = 0;
        _electionTimeout = _random.Next(_options.ElectionTicks, 2 * _options.ElectionTicks);
    }

    private void HearPrimary(NodeId from)
    {
        Invariant.Holds(Role != ReplicaRole.Primary);    // one primary per term (section 5.2)
        Invariant.Holds(Primary == NodeId.None || Primary == from);
        if (Role != ReplicaRole.Backup)
            BecomeBackup(Term, from);
        Primary = from;
        _elapsedTicks = 0;
    }

    private void BecomeBackup(Term term, NodeId primary)
    {
        if (Role == ReplicaRole.Primary)
            LeaveOffice();
        if (term > Term)
            Remember(new HardState(term, NodeId.None));
        Role = ReplicaRole.Backup;
        Primary = primary;
        DrawElectionTimeout();
    }

    /// <summary>
    /// Asks first whether an election would succeed, so that a member that was cut off disturbs nobody (thesis 9.6).
    /// </summary>
    private void BecomePreCandidate()
    {
        Invariant.Holds(Role != ReplicaRole.Primary);
        StartElection(ReplicaRole.PreCandidate);
        AskForVotes(Term.Next(), isPreVote: true, isTransfer: false);
        OnVoteGranted(_options.Self);
    }

    private void BecomeCandidate(bool isTransfer)
    {
        Invariant.Holds(Role != ReplicaRole.Primary);
        StartElection(ReplicaRole.Candidate);
        Remember(new HardState(Term.Next(), _options.Self));
        AskForVotes(Term, isPreVote: false, isTransfer);    // leaves, and the own vote counts, once the vote is flushed
    }

    private void StartElection(ReplicaRole role)
    {
        Role = role;
        Primary = NodeId.None;
        _granted.Clear();
        _denied.Clear();
        DrawElectionTimeout();
    }

    private void AskForVotes(Term term, bool isPreVote, bool isTransfer)
    {
        var request = new PeerMessage.VoteRequest(
            term, _log.LastIndex, _log.LastTerm, isPreVote, isTransfer, Configuration.Era);
        foreach (var voter in Voters)
        {
            if (voter != _options.Self)
                Send(voter, request);
        }
    }

    /// <summary>
    /// A message of a later term: takes the term over unless it only asks. False: the message is not for us.
    /// </summary>
    private bool AdoptTerm(NodeId from, PeerMessage message)
    {
        switch (message)
        {
            case PeerMessage.VoteRequest { IsTransfer: false } when HearsPrimary:
                return false;    // our primary is well: an election now would only disturb it (section 6)
            case PeerMessage.VoteRequest { IsPreVote: true }:
                OnPreVoteRequest(from, (PeerMessage.VoteRequest)message);
                return false;
            case PeerMessage.VoteReply { IsPreVote: true, IsGranted: true }:
                OnPreVoteGranted(from, message.Term);
                return false;
            default:
                BecomeBackup(message.Term, NodeId.None);
                return true;
        }
    }

    /// <summary>A message of an earlier term is answered only so that its sender learns ours.</summary>
    private void Fence(NodeId from, PeerMessage message)
    {
        switch (message)
        {
            case PeerMessage.AppendRequest or PeerMessage.Heartbeat or PeerMessage.InstallSnapshot:
                Send(from, new PeerMessage.AppendReply(Term, false, LogIndex.Zero, LogIndex.Zero, Term.Zero));
                break;
            case PeerMessage.VoteRequest request:
                Answer(from, request, Term, isGranted: false);
                break;
        }
    }

    private void OnPreVoteRequest(NodeId from, PeerMessage.VoteRequest request)
    {
        var isGranted = _log.IsNoMoreCompleteThan(request.LastIndex, request.LastTerm);
        var term = isGranted ? request.Term : Term;
        Answer(from, request, term, isGranted);
    }

    private void OnVoteRequest(NodeId from, PeerMessage.VoteRequest request)
    {
        if (request.IsPreVote)
        {
            // it asks for a term that we hold
            Answer(from, request, Term, isGranted: false);
            return;
        }

        var mayVote = _hardState.Vote == from || (_hardState.Vote == NodeId.None && Primary == NodeId.None);
        var isGranted = mayVote && _log.IsNoMoreCompleteThan(request.LastIndex, request.LastTerm);
        if (isGranted)
        {
            Remember(new HardState(Term, from));
            _elapsedTicks = 0;
        }

        Answer(from, request, Term, isGranted);
    }

    private void Answer(NodeId from, PeerMessage.VoteRequest request, Term term, bool isGranted) =>
        Send(from, new PeerMessage.VoteReply(term, isGranted, request.IsPreVote, Clocks.Of(request.Era)));

    private void OnPreVoteGranted(NodeId from, Term asked)
    {
        if (Role == ReplicaRole.PreCandidate && asked == Term.Next())
            OnVoteGranted(from);
    }

    private void OnVoteReply(NodeId from, PeerMessage.VoteReply reply)
    {
        if (Role != (reply.IsPreVote ? ReplicaRole.PreCandidate : ReplicaRole.Candidate))
            return;
        if (!reply.IsGranted)
            OnVoteDenied(from);
        else if (!reply.IsPreVote)    // a granted pre-vote carries the next term; one of this term is an old answer
            OnVoteGranted(from);
    }

    private void OnVoteGranted(NodeId voter)
    {
        _granted.Add(voter);
        if (!IsMajority(_granted))
            return;
        if (Role == ReplicaRole.PreCandidate)
            BecomeCandidate(isTransfer: false);
        else if (_granted.Contains(_options.Self))
            BecomePrimary();
    }

    private void OnVoteDenied(NodeId voter)
    {
        _denied.Add(voter);
        if (IsMajority(_denied))
            BecomeBackup(Term, NodeId.None);
    }

    /// <summary>
    /// Counts voters alone. Whoever is asked answers, though: one that was made a voter may not have heard of it yet,
    /// and the one that asks has.
    /// </summary>
    private bool IsMajority(HashSet<NodeId> members)
    {
        var count = 0;
        foreach (var voter in Voters)
            count += members.Contains(voter) ? 1 : 0;
        return count >= Configuration.Majority;
    }

    private void OnTransferNow()
    {
        if (Role != ReplicaRole.Primary && IsVoter)
            BecomeCandidate(isTransfer: true);
    }
}
