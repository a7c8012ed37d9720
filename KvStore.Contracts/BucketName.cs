using System.Buffers;

namespace KvStore.Contracts;

/// <summary>The names that buckets can have.</summary>
public static class BucketName
{
    /// <summary>The bucket that is always there, and in which <c>/v1/</c> keeps its keys.</summary>
    public const string Default = "default";

    /// <summary>The longest name.</summary>
    public const int MaxLength = 63;

    /// <summary>What is expected of a name, as a sentence.</summary>
    public const string Rule =
        "A bucket's name has 1 to 63 characters: lower-case letters a to z, digits, dots, underscores and hyphens; the "
        + "first is a letter or a digit.";

    private static readonly SearchValues<char> Characters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789._-");

    /// <summary>Whether a bucket can have the name.</summary>
    public static bool IsValid(ReadOnlySpan<char> name) =>
        name.Length is >= 1 and <= MaxLength
        && name[0] is not ('.' or '_' or '-')
        && !name.ContainsAnyExcept(Characters);
}
