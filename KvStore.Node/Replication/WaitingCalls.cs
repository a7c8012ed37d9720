using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Storage;

namespace KvStore.Node.Replication;

/// <summary>
/// The callers that wait for one replica: by ticket until the core has taken them, then by log index.
/// </summary>
internal sealed class WaitingCalls(Replica replica)
{
    private readonly Dictionary<Ticket, PendingWrite> _offered = [];
    private readonly Dictionary<Ticket, PendingRead> _reads = [];
    private readonly Dictionary<LogIndex, PendingWrite> _appended = [];
    private readonly List<PendingWrite> _answerOnFlush = [];
    private readonly List<PendingWrite> _awaitAll = [];
    private long _lastTicket;
    private long _now;
    private LogIndex _flushed = replica.FlushedIndex;

    public bool DoReadsWait => _reads.Count > 0;

    /// <summary>Where the last command is that was taken here and may lock keys; 0: there was none.</summary>
    public LogIndex LastPrepare { get; private set; }

    public Input Register(PendingWrite write)
    {
        var ticket = new Ticket(++_lastTicket);
        _offered.Add(ticket, write);
        return new Input.Propose(ticket, write.Payload);
    }

    public Input Register(PendingRead read)
    {
        var ticket = new Ticket(++_lastTicket);
        _reads.Add(ticket, read);
        return new Input.Read(ticket);
    }

    /// <summary>The write that was offered under this ticket.</summary>
    public PendingWrite Offered(Ticket ticket) => _offered[ticket];

    /// <summary>The core has stepped, for what it was given at <paramref name="at"/>.</summary>
    public void Stepped(long at)
    {
        _now = at;
        var flushed = replica.FlushedIndex;
        for (var index = _flushed.Next(); _appended.Count > 0 && index <= flushed; index = index.Next())
        {
            if (_appended.TryGetValue(index, out var write))
                write.FlushedAt = at;
        }

        _flushed = flushed;
    }

    /// <summary>The core has appended a write.</summary>
    /// <param name="accepted">Which, and where.</param>
    /// <param name="answersOnFlush">Its caller waits for this replica's own flush alone.</param>
    public void Accept(Accepted accepted, bool answersOnFlush)
    {
        _offered.Remove(accepted.Ticket, out var write);
        write!.Appended(accepted.Index, accepted.Term, _now);
        if (write.Command is Command.Prepare)
            LastPrepare = accepted.Index;
        if (answersOnFlush)
            _answerOnFlush.Add(write);
        if (_appended.Remove(accepted.Index, out var replaced))
            replaced.Complete(new WriteOutcome.Indeterminate());
        _appended.Add(accepted.Index, write);
    }

    public bool HasInFlight(RequestId id)
    {
        foreach (var write in _appended.Values)
        {
            if (write.Command.RequestId == id)
                return true;
        }

        return false;
    }

    public void Complete(Ticket ticket, ReadOutcome outcome)
    {
        if (_reads.Remove(ticket, out var read))
            read.Complete(outcome);
    }

    public void Refuse(Refused refused, NodeId primary)
    {
        if (_offered.Remove(refused.Ticket, out var write))
        {
            write.Complete(refused.Reason == RefusalReason.Overloaded
                ? new WriteOutcome.Overloaded()
                : new WriteOutcome.NotPrimary(primary));
        }
        else
        {
            Complete(refused.Ticket, refused.Reason == RefusalReason.Overloaded
                ? new ReadOutcome.Overloaded()
                : new ReadOutcome.NotPrimary(primary));
        }
    }

    /// <summary>The entry was committed and came to <paramref name="result"/>.</summary>
    public void Applied(LogEntry entry, WriteResult result)
    {
        if (!_appended.Remove(entry.Index, out var write))
            return;
        Failpoints.Reached(Failpoint.WriteApplied);
        if (write.Term != entry.Term)
        {
            write.Complete(new WriteOutcome.Indeterminate());    // its own entry may come again under its request id
            return;
        }

        var copies = Copies(entry.Index);
        if (write.Ack == Ack.All && copies < replica.Voters.Length)
        {
            write.Applied(new WriteOutcome.TooFewCopies(result, copies, replica.Voters.Length)
            {
                Index = entry.Index,
                Times = TimesOf(write),
            });
            _awaitAll.Add(write);
            return;
        }

        write.Complete(new WriteOutcome.Committed(result, copies, replica.Voters.Length)
        {
            Index = entry.Index,
            Times = TimesOf(write),
        });
    }

    /// <summary>An entry without a command took the place of whatever was appended there.</summary>
    public void Overwritten(LogEntry entry)
    {
        if (_appended.Remove(entry.Index, out var write))
            write.Complete(new WriteOutcome.Indeterminate());
    }

    /// <summary>
    /// A snapshot replaced everything up to <paramref name="last"/>: what became of it is not known here.
    /// </summary>
    public void Lost(LogIndex last)
    {
        foreach (var (index, write) in _appended.Where(pair => pair.Key <= last).ToList())
        {
            _appended.Remove(index);
            write.Complete(new WriteOutcome.Indeterminate());
        }
    }

    /// <summary>Answers those that waited for copies alone.</summary>
    public void CompleteFlushed()
    {
        if (_answerOnFlush.Count > 0)
            _answerOnFlush.RemoveAll(TryAnswerOnFlush);
        if (_awaitAll.Count > 0)
            _awaitAll.RemoveAll(TryAnswerAll);
    }

    public void Abandon()
    {
        foreach (var write in _offered.Values)
            write.Complete(new WriteOutcome.NotPrimary(NodeId.None));
        foreach (var write in _appended.Values)
            write.Complete(new WriteOutcome.Indeterminate());
        foreach (var write in _awaitAll)
            write.Complete(write.SoFar!);
        foreach (var read in _reads.Values)
            read.Complete(new ReadOutcome.NotPrimary(NodeId.None));
    }

    private bool TryAnswerOnFlush(PendingWrite write)
    {
        if (write.IsDone || replica.TermAt(write.Index) != write.Term)
            return true;
        if (replica.FlushedIndex < write.Index)
            return false;
        var version = new KeyVersion(write.Term, write.Index);
        write.Complete(new WriteOutcome.Flushed(version, Copies(write.Index), replica.Voters.Length)
        {
            Times = TimesOf(write),
        });
        return true;
    }

    private bool TryAnswerAll(PendingWrite write)
    {
        if (write.IsDone)
            return true;
        if (replica.Role != ReplicaRole.Primary)
        {
            write.Complete(write.SoFar!);    // nobody reports copies to this replica any more
            return true;
        }

        if (Copies(write.Index) < replica.Voters.Length)
            return false;
        var (result, voters) = (write.SoFar!.Result, replica.Voters.Length);
        write.Complete(new WriteOutcome.Committed(result, voters, voters)
        {
            Index = write.Index,
            Times = TimesOf(write),
        });
        return true;
    }

    private WriteTimes TimesOf(PendingWrite write) => new(write.AppendedAt, write.FlushedAt, _now);

    /// <summary>A replica that is no longer primary knows no more than that a majority has it.</summary>
    private int Copies(LogIndex index) => replica.Role == ReplicaRole.Primary
        ? replica.CopiesOf(index)
        : replica.Voters.Length / 2 + 1;
}
