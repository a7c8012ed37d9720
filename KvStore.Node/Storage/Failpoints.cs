namespace KvStore.Node.Storage;

/// <summary>
/// Places on a request's way at which a <see cref="FaultSwitch"/> can stop the process; in faults their names are
/// written as <c>failpoint@read-arrived</c>.
/// </summary>
internal enum Failpoint
{
    /// <summary>A read is here and its loop does not know of it.</summary>
    ReadArrived,

    /// <summary>The core has begun a round for it, of which nothing is sent.</summary>
    ReadStepped,

    /// <summary>An answer to a round is here while a read waits; the core has not seen it.</summary>
    ReadEchoReceived,

    /// <summary>A majority has confirmed the round; the value is not taken.</summary>
    ReadConfirmed,

    /// <summary>The state to read from is chosen; nothing of it is answered.</summary>
    ReadValueTaken,

    /// <summary>Requests are to be refused, as when the office is lost; their callers do not know.</summary>
    RequestsLost,

    /// <summary>A write is here and its loop does not know of it.</summary>
    WriteArrived,

    /// <summary>The core has appended it; neither the log nor a peer has it.</summary>
    WriteStepped,

    /// <summary>It was handed to the log and to the links.</summary>
    WriteSent,

    /// <summary>The log has flushed something and told nobody.</summary>
    BatchFlushed,

    /// <summary>A command is committed and not applied.</summary>
    WriteCommitted,

    /// <summary>It is applied; its caller does not know.</summary>
    WriteApplied,

    /// <summary>Its outcome is known where the answer is made; nothing of that is sent.</summary>
    WriteOutcomeKnown,

    /// <summary>A backup has entries that its core has not seen.</summary>
    AppendReceived,

    /// <summary>A backup has a heartbeat that its core has not seen.</summary>
    HeartbeatReceived,

    /// <summary>A question for a vote is here; the core has not seen it.</summary>
    VoteRequestReceived,

    /// <summary>A vote is given, flushed, and not sent.</summary>
    VoteFlushed,

    /// <summary>A request goes on to another node, and has not yet.</summary>
    HopBegun,

    /// <summary>The other node's answer is here; the client has nothing of it.</summary>
    HopAnswered,

    /// <summary>All partitions have prepared a transaction; nothing of it is decided.</summary>
    TransactionPrepared,

    /// <summary>It is decided; its client does not know, and only the coordinator has carried it out.</summary>
    TransactionDecided,

    /// <summary>All partitions have carried a transaction out; the coordinator has not forgotten it.</summary>
    TransactionFinished,
}

/// <summary>
/// Where a process can be stopped: off, which costs a branch, unless faults are allowed. There is one for the process,
/// since it is the process that stops.
/// </summary>
internal static class Failpoints
{
    private static Action<Failpoint>? _reached;

    /// <summary>To be asked first where it takes work to know whether a failpoint is reached.</summary>
    public static bool AreOn => _reached is not null;

    /// <summary>From now on this is told, and may stop the process.</summary>
    public static void Obey(Action<Failpoint> reached) => _reached = reached;

    /// <summary>Execution is there.</summary>
    public static void Reached(Failpoint failpoint) => _reached?.Invoke(failpoint);
}
