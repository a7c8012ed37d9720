namespace KvStore.Contracts;

/// <summary>What bodies may weigh that no setting says, the same at every door.</summary>
public static class BodyLimits
{
    /// <summary>Bytes of the body of a batch or a transaction.</summary>
    public const int MaxManyBytes = 4 << 20;
}
