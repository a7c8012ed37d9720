using System.Diagnostics;
using KvStore.Contracts;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>From what became of many keys to an answer.</summary>
internal sealed partial class Problems
{
    /// <summary>The cursor is none, or one of another list.</summary>
    public static Refusal CursorInvalid { get; } = new(
        ProblemType.CursorInvalid,
        "The cursor must be one that an earlier page gave, and all other parameters but limit and timeout as they "
            + "were then.");

    private static Refusal CursorCompacted { get; } = new(
        ProblemType.CursorCompacted,
        $"What this list goes on in is not held any longer: {PinnedSnapshots.Lifetime.TotalMinutes:0} minutes have "
            + "passed since its first page (of an export: since it was last read), its last page was given a while "
            + "ago, a node that held a part of it stopped, or the bucket was dropped. Begin again without cursor.");

    private static Refusal TooManySnapshots { get; } = new(
        ProblemType.TooManySnapshots,
        $"{PinnedSnapshots.MaxKept} lists are being read page by page on a node already. Try again, or raise limit so "
            + "that one page is enough.")
    {
        RetryAfterSeconds = SoonSeconds,
    };

    /// <summary>As much is carried out in the background as this node takes on.</summary>
    public static Refusal TooManyOperations { get; } = new(
        ProblemType.TooManyOperations,
        $"{LongOperations.MaxRunning} operations are being carried out by this node already; nothing was removed.")
    {
        RetryAfterSeconds = SoonSeconds,
    };

    private static Refusal PartitionsUnreached { get; } = new(
        ProblemType.NoQuorum,
        "Not every partition had a primary that could confirm itself in time; nothing was applied.")
    {
        RetryAfterSeconds = SoonSeconds,
    };

    /// <summary>Why there is no page.</summary>
    public static Refusal From(PageOutcome outcome) => outcome switch
    {
        PageOutcome.Gone => CursorCompacted,
        PageOutcome.BucketGone => BucketNotFound,
        PageOutcome.TooMany => TooManySnapshots,
        PageOutcome.Overloaded => Overloaded,
        PageOutcome.TimedOut => PartitionsUnreached,
        _ => throw new UnreachableException(),
    };

    /// <summary>Why a removal is refused; null when it was done, or the keys counted.</summary>
    public static Refusal? From(RemovalOutcome outcome) => outcome switch
    {
        RemovalOutcome.Counted or RemovalOutcome.Done => null,
        RemovalOutcome.Differs differs => new Refusal(
            ProblemType.PreconditionFailed,
            $"{differs.Count} keys are in the range, not as many as confirm says; nothing was removed.")
        {
            Count = differs.Count,
        },
        RemovalOutcome.Unread { Why: PageOutcome.Gone } => PartitionsUnreached,
        RemovalOutcome.Unread unread => From(unread.Why),
        RemovalOutcome.Stopped stopped => From(new RemovalOutcome.Unread(stopped.Why))! with
        {
            Detail = $"{stopped.Removed} keys are removed; what is left of them could not be read. Count again and "
                + "repeat.",
            Applied = stopped.Removed > 0 ? Applied.Yes : Applied.No,
        },
        RemovalOutcome.Broken broken => From(broken),
        _ => throw new UnreachableException(),
    };

    /// <summary>How often many keys were begun with and not ended: a retry does the rest.</summary>
    private static Refusal From(RemovalOutcome.Broken broken)
    {
        if (broken.Why is not WriteOutcome.Indeterminate && broken.Removed == 0)
        {
            return broken.Why switch
            {
                WriteOutcome.NotPrimary => PartitionsUnreached,
                WriteOutcome.Committed { Result.Status: Core.State.WriteStatus.BucketGone } => BucketNotFound,
                WriteOutcome.Committed { Result.Status: Core.State.WriteStatus.Locked } => Locked,
                _ => Overloaded,
            };
        }

        return new Refusal(
            ProblemType.DeadlineExceeded,
            $"Not every partition did its part in time: {broken.Removed} keys are removed for certain, others may be. "
                + "Count again and repeat: what was written meanwhile is never removed without being counted.")
        {
            Applied = broken.Why is WriteOutcome.Indeterminate ? Applied.Unknown : Applied.Yes,
        };
    }
}
