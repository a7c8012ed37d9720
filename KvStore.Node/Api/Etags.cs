using System.Collections.Immutable;
using KvStore.Contracts;
using KvStore.Core.Primitives;

namespace KvStore.Node.Api;

/// <summary>Between the entity tags of the wire and the versions of the core.</summary>
internal static class Etags
{
    /// <summary>No write ever gets there: stands for tags that can match nothing here.</summary>
    private static readonly KeyVersion NeverWritten = new(new Term(long.MaxValue), new LogIndex(long.MaxValue));

    /// <summary>The tag of a version.</summary>
    public static string Format(ulong clusterId, KeyVersion version) =>
        EtagFormat.Format(new Etag(clusterId, version.Term.Value, version.Index.Value));

    /// <summary>The versions that the tags of this cluster name; if there are none, one that matches nothing.</summary>
    public static ImmutableArray<KeyVersion> VersionsIn(ulong clusterId, EtagCondition condition)
    {
        var versions = ImmutableArray.CreateBuilder<KeyVersion>(condition.Tags.Length);
        foreach (var tag in condition.Tags)
        {
            if (tag.ClusterId == clusterId)
                versions.Add(new KeyVersion(new Term(tag.Term), new LogIndex(tag.Index)));
        }

        if (versions.Count == 0)
            versions.Add(NeverWritten);
        return versions.DrainToImmutable();
    }

    /// <summary>Whether a stored version meets the condition.</summary>
    public static bool IsMetBy(this EtagCondition condition, ulong clusterId, KeyVersion version) =>
        condition.IsAny || condition.Tags.Contains(new Etag(clusterId, version.Term.Value, version.Index.Value));
}
