using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// Linearizable reads by read index (thesis 6.4): a read notes the commit index, then a majority confirms, in a round
/// of heartbeats begun after the read arrived, that there is no later primary. No clock is trusted and nothing is
/// flushed.
/// </summary>
public sealed partial class Replica
{
    private const int MaxWaitingReads = 100_000;

    private readonly List<Ticket> _newReads = [];
    private readonly Queue<(Ticket Ticket, long Round, LogIndex Index)> _reads = [];
    private long _round;
    private bool _isRoundDue;

    private void OnRead(Input.Read read)
    {
        if (Role != ReplicaRole.Primary)
        {
            _effects.Refused.Add(new Refused(read.Ticket, RefusalReason.NotPrimary));
            return;
        }

        if (_newReads.Count + _reads.Count >= MaxWaitingReads)
        {
            _effects.Refused.Add(new Refused(read.Ticket, RefusalReason.Overloaded));
            return;
        }

        _newReads.Add(read.Ticket);
        BeginRound();
    }

    private void BeginRound() => _isRoundDue = true;

    /// <summary>
    /// One round confirms all reads of a step. Before the first commit of the term they wait: what is committed is not
    /// known.
    /// </summary>
    private void StartRound()
    {
        _isRoundDue = false;
        _round++;
        if (HasCommittedInTerm)
        {
            foreach (var ticket in _newReads)
                _reads.Enqueue((ticket, _round, CommitIndex));
            _newReads.Clear();
        }

        foreach (var member in Configuration.Members)
        {
            if (_backups.TryGetValue(member, out var backup))
                SendHeartbeat(backup);
        }

        ConfirmReads();
    }

    private void ConfirmReads()
    {
        if (_reads.Count == 0)
            return;
        var voters = Voters;
        Span<long> rounds = stackalloc long[voters.Length];
        for (var i = 0; i < rounds.Length; i++)
        {
            var voter = voters[i];
            rounds[i] = voter == _options.Self ? _round : _backups[voter].Round;
        }

        var confirmed = Quorum.ReachedByMajority(rounds);
        while (_reads.TryPeek(out var read) && read.Round <= confirmed)
        {
            _effects.Reads.Add(new ReadReady(read.Ticket, read.Index));
            _reads.Dequeue();
        }
    }

    private void RefuseReads()
    {
        foreach (var ticket in _newReads)
            _effects.Refused.Add(new Refused(ticket, RefusalReason.NotPrimary));
        foreach (var read in _reads)
            _effects.Refused.Add(new Refused(read.Ticket, RefusalReason.NotPrimary));
        _newReads.Clear();
        _reads.Clear();
        _isRoundDue = false;
    }
}
