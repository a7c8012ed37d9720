namespace KvStore.Core.Primitives;

/// <summary>
/// Which write a key's value comes from: the log index of that write, which grows with every write of the partition,
/// and the term it was written in, which tells apart two writes that ever held the same index.
/// </summary>
public readonly record struct KeyVersion(Term Term, LogIndex Index)
{
    /// <summary>The version of a key that is not there.</summary>
    public static KeyVersion None => default;
}
