using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace KvStore.Node.Telemetry;

/// <summary>How long things take; what can be counted where it happens anyway is observed there. In seconds.</summary>
internal static class NodeMetrics
{
    private static readonly Meter Meter = new(NodeTracing.Name);

    /// <summary>Not of watches, which last as long as they like.</summary>
    private static readonly Histogram<double> OperationDuration = Create(
        "kvstore.operation.duration",
        "How long requests took, from their head to their answer.",
        [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]);

    private static readonly Histogram<double> FsyncDuration = Create(
        "kvstore.wal.fsync.duration",
        "How long the write-ahead log took to write and flush what had come together.",
        [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]);

    private static readonly Histogram<double> CompactionDuration = Create(
        "kvstore.compaction.duration",
        "How long it took to save a partition and to let go of the log before that.",
        [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]);

    /// <summary>Whether anybody wants to know how long requests take.</summary>
    public static bool AreOperationsMeasured => OperationDuration.Enabled;

    /// <summary>A request is answered.</summary>
    /// <param name="operation">What was asked for, of a few words.</param>
    /// <param name="outcome"><c>ok</c>, or the code of its problem.</param>
    /// <param name="consistency">What a read really was; null of others.</param>
    /// <param name="took">Since its head had come.</param>
    public static void OperationEnded(string operation, string outcome, string? consistency, TimeSpan took)
    {
        var tags = new TagList
        {
            { NodeTracing.OperationTag, operation },
            { NodeTracing.OutcomeTag, outcome },
        };
        if (consistency is not null)
            tags.Add("kvstore.consistency", consistency);
        OperationDuration.Record(took.TotalSeconds, tags);
    }

    /// <summary>A frame of the log is on stable storage.</summary>
    public static void Flushed(TimeSpan took) => FsyncDuration.Record(took.TotalSeconds);

    /// <summary>A partition is saved.</summary>
    public static void Compacted(TimeSpan took) => CompactionDuration.Record(took.TotalSeconds);

    private static Histogram<double> Create(string name, string description, double[] boundaries) =>
        Meter.CreateHistogram(
            name,
            "s",
            description,
            tags: null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = boundaries });
}
