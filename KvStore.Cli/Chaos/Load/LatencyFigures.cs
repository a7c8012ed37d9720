namespace KvStore.Cli.Chaos.Load;

/// <summary>How long requests took, in milliseconds.</summary>
internal sealed record LatencyFigures(int Requests, double P50, double P99, double Max)
{
    /// <summary>Of every one of them: the longest are what matters, so none is left out. Null for none.</summary>
    public static LatencyFigures? Of(IEnumerable<TimeSpan> took)
    {
        List<TimeSpan> sorted = [.. took.Order()];
        return sorted.Count == 0
            ? null
            : new LatencyFigures(sorted.Count, Rank(sorted, 0.5), Rank(sorted, 0.99), Rank(sorted, 1));
    }

    public override string ToString() => $"{P50}/{P99}/{Max} ms";

    /// <summary>The shortest time that so large a part of them did not exceed.</summary>
    private static double Rank(List<TimeSpan> sorted, double part) =>
        Math.Round(sorted[Math.Max(0, (int)Math.Ceiling(part * sorted.Count) - 1)].TotalMilliseconds, 1);
}
