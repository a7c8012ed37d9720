namespace KvStore.Core.Replication;

/// <summary>Majority arithmetic.</summary>
internal static class Quorum
{
    /// <summary>How many of <paramref name="voters"/> are a majority.</summary>
    public static int Majority(int voters) => voters / 2 + 1;

    /// <summary>The largest value that a majority has reached; sorts <paramref name="reached"/> in place.</summary>
    public static long ReachedByMajority(Span<long> reached)
    {
        reached.Sort();
        return reached[^Majority(reached.Length)];
    }
}
