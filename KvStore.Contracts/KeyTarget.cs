namespace KvStore.Contracts;

/// <summary>The paths under which a key can be named; each speaks of its entry in a form of its own.</summary>
public enum KeyRoot
{
    /// <summary><see cref="Routes.Keys"/>: keys of the default bucket, entries as JSON envelopes.</summary>
    Envelope,

    /// <summary>Below <see cref="Routes.BucketKeys"/>: keys of any bucket, values as they are.</summary>
    Raw,
}

/// <summary>What a raw request target asks for, as <see cref="KeyPath"/> reads it.</summary>
public abstract record KeyTarget
{
    private KeyTarget()
    {
    }

    /// <summary>One key.</summary>
    /// <param name="Bucket">The name of its bucket; whether there is such a bucket is not known here.</param>
    /// <param name="Root">The path that it was named under.</param>
    /// <param name="Bytes">1 to <see cref="KeyPath.MaxKeyBytes"/> bytes of UTF-8 without control characters.</param>
    /// <param name="Query">
    /// What follows the question mark, as it was sent, but for the parameter that names the key; empty when there is
    /// nothing else.
    /// </param>
    public sealed record Key(string Bucket, KeyRoot Root, ReadOnlyMemory<byte> Bytes, string Query) : KeyTarget;

    /// <summary>
    /// The keys of a bucket, none of them named: a list of them, the removal of some, or a new one that the server
    /// names.
    /// </summary>
    /// <param name="Bucket">The name of the bucket.</param>
    /// <param name="Root">The path that was used.</param>
    /// <param name="Query">What follows the question mark, as it was sent; empty when there is none.</param>
    public sealed record Collection(string Bucket, KeyRoot Root, string Query) : KeyTarget;

    /// <summary>
    /// Anything else at or below <see cref="Routes.Buckets"/>; whether it is there is for the router to say. Nothing of
    /// the path is encoded, and no segment of it can be rewritten on the way.
    /// </summary>
    /// <param name="Rest">What follows the bucket's name in the path, such as <c>/batch</c>; may be empty.</param>
    /// <param name="Query">What follows the question mark, as it was sent; empty when there is none.</param>
    public sealed record BucketRoute(string Rest, string Query) : KeyTarget;

    /// <summary>A path that has nothing to do with keys or buckets.</summary>
    public sealed record OtherRoute : KeyTarget
    {
        internal static OtherRoute Instance { get; } = new();
    }

    /// <summary>A target that names no key and no other route either.</summary>
    /// <param name="Problem">Why it is refused.</param>
    /// <param name="Detail">What was wrong and what is expected; it repeats nothing of the target.</param>
    public sealed record Invalid(ProblemType Problem, string Detail) : KeyTarget;
}
