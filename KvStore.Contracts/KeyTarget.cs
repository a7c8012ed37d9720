namespace KvStore.Contracts;

/// <summary>What a raw request target asks for, as <see cref="KeyPath"/> reads it.</summary>
public abstract record KeyTarget
{
    private KeyTarget()
    {
    }

    /// <summary>A key of the default bucket.</summary>
    /// <param name="Bytes">1 to <see cref="KeyPath.MaxKeyBytes"/> bytes of UTF-8 without control characters.</param>
    /// <param name="Query">What follows the question mark, as it was sent; empty when there is none.</param>
    public sealed record Key(ReadOnlyMemory<byte> Bytes, string Query) : KeyTarget;

    /// <summary>A path that is not below <see cref="Routes.Keys"/>.</summary>
    public sealed record OtherRoute : KeyTarget
    {
        internal static OtherRoute Instance { get; } = new();
    }

    /// <summary>A target that names no key and no other route either.</summary>
    /// <param name="Problem">Why it is refused.</param>
    /// <param name="Detail">What was wrong and what is expected, in a sentence; it repeats nothing of the target.</param>
    public sealed record Invalid(ProblemType Problem, string Detail) : KeyTarget;
}
