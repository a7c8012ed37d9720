using KvStore.Core.State;

namespace KvStore.Node.Telemetry;

/// <summary>Log lines of transactions over several partitions.</summary>
internal static partial class TransactionEvents
{
    [LoggerMessage(
        7001,
        LogLevel.Information,
        "Partition {Partition}: a transaction over {Participants} partitions was left open and is settled: {Outcome}")]
    public static partial void Settled(
        this ILogger logger, int partition, int participants, TransactionOutcome outcome);
}
