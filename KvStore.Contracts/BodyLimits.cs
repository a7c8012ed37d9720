namespace KvStore.Contracts;

/// <summary>What bodies may weigh that no setting says, the same at every door.</summary>
public static class BodyLimits
{
    /// <summary>Bytes of the body of a batch or a transaction.</summary>
    public const int MaxManyBytes = 4 << 20;

    /// <summary>
    /// What the HTTP server may let through of a body of so many bytes: it counts what is around the chunks too, and
    /// the bytes of the body itself are counted by us.
    /// </summary>
    public static long WithFraming(long bytes) => 2 * bytes;
}
