namespace KvStore.Tests.Simulation;

/// <summary>What a host may do wrong around a correct core; used to show that the simulation sees it.</summary>
internal enum HostFlaw
{
    None,

    /// <summary>Reports an append as flushed before it is.</summary>
    ReportsFlushTooEarly,

    /// <summary>Comes back from a crash without its vote.</summary>
    ForgetsVote,

    /// <summary>Comes back from a crash without the last flushed entry.</summary>
    ForgetsLastEntry,

    /// <summary>Answers a read from its state because it believes to be primary, without confirmation.</summary>
    TrustsItsRole,

    /// <summary>Answers a read from its state whatever its role.</summary>
    ReadsAnywhere,

    /// <summary>Answers a write when it is appended, not when it is committed.</summary>
    AnswersTooEarly,

    /// <summary>
    /// Tells its callers, when it is no longer primary, that what it appended for them was not applied.
    /// </summary>
    CallsUnknownRejected,

    /// <summary>Keeps its own state when the primary's snapshot replaces it.</summary>
    SkipsRestore,

    /// <summary>Proposes a retried command without its request id.</summary>
    DropsRequestIds,
}
