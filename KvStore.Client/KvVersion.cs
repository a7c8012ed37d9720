using System.Diagnostics.CodeAnalysis;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>
/// The version of a key that a write made: what a conditional write names. Two are equal when they are the same write.
/// </summary>
public readonly record struct KvVersion
{
    private readonly Etag _tag;

    private KvVersion(Etag tag) => _tag = tag;

    /// <summary>
    /// Commit sequence of the key's partition at the write: grows with every write of the key, also after it was
    /// deleted, and is never given twice. A fencing token.
    /// </summary>
    public long Number => _tag.Index;

    /// <summary>The cluster of the write.</summary>
    internal ulong ClusterId => _tag.ClusterId;

    /// <summary>Reads an entity tag, as <see cref="ToString"/> writes it.</summary>
    /// <param name="text">The tag with its quotes.</param>
    /// <param name="version">What was read.</param>
    public static bool TryParse([NotNullWhen(true)] string? text, out KvVersion version)
    {
        var isTag = EtagFormat.TryParse(text, out var tag);
        version = new KvVersion(tag);
        return isTag;
    }

    /// <summary>The entity tag with its quotes, as the header <c>ETag</c> has it.</summary>
    public override string ToString() => EtagFormat.Format(_tag);
}
