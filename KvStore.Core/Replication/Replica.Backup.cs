using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>The backup: takes the primary's entries, acknowledges only what is flushed.</summary>
public sealed partial class Replica
{
    private void OnAppendRequest(NodeId from, PeerMessage.AppendRequest request)
    {
        if (request.PreviousIndex < CommitIndex)
        {
            Accept(from, CommitIndex);    // an old message: what is committed agrees with the primary by itself
            return;
        }

        if (_log.TermAt(request.PreviousIndex) != request.PreviousTerm)
        {
            var (index, term) = _log.LastAgreeing(request.PreviousIndex, request.PreviousTerm);
            Send(from, new PeerMessage.AppendReply(Term, false, request.PreviousIndex, index, term));
            return;
        }

        TakeEntries(request);
        var last = request.PreviousIndex + request.Entries.Length;
        CommitIndex = LogIndex.Max(CommitIndex, LogIndex.Min(request.Commit, last));
        Accept(from, last);
    }

    /// <summary>
    /// Truncates only where the primary's entry differs: a late message must not undo what came after it (section 5.3).
    /// </summary>
    private void TakeEntries(PeerMessage.AppendRequest request)
    {
        foreach (var entry in request.Entries)
        {
            if (_log.TermAt(entry.Index) is { } term)
            {
                if (term == entry.Term)
                    continue;
                TruncateLogFrom(entry.Index);
            }

            AppendToLog(entry);
        }
    }

    private void Accept(NodeId to, LogIndex index)
    {
        var reply = new PeerMessage.AppendReply(Term, true, index, LogIndex.Zero, Term.Zero);
        if (index <= FlushedIndex)
            Send(to, reply);
        else
            SendWhenFlushed(to, reply);
    }

    private void OnHeartbeat(NodeId from, PeerMessage.Heartbeat heartbeat)
    {
        CommitIndex = LogIndex.Max(CommitIndex, heartbeat.Commit);
        Send(from, new PeerMessage.HeartbeatReply(Term, heartbeat.Round, Clocks.Stamp, Echo: heartbeat.Stamp));
    }

    /// <summary>
    /// A snapshot replaces log and state, unless the log already holds its last entry: then what follows is kept and
    /// the snapshot only says what is committed (section 7).
    /// </summary>
    private void OnInstallSnapshot(NodeId from, Snapshot snapshot)
    {
        if (snapshot.Index > CommitIndex)
        {
            if (_log.TermAt(snapshot.Index) == snapshot.Term)
            {
                CommitIndex = snapshot.Index;
            }
            else
            {
                RestartLogAt(snapshot);
                CommitIndex = snapshot.Index;
                _handedOut = snapshot.Index;
                _effects.Restore = snapshot;
            }
        }

        Accept(from, CommitIndex);
    }
}
