using KvStore.Client.Caching;

namespace KvStore.Client.OutputCaching;

/// <summary>
/// The keys of an output cache, which are any strings, as keys of a store: <c>entries/{name}</c> has an entry, and
/// <c>tags/tag/{name}</c>, its index key of a tag, says that it has that. The braces are part of them: what stands in
/// them decides the partition, so that an entry and its index keys are always in the same.
/// </summary>
internal static class OutputCacheKeys
{
    private const string Entries = "entries/";

    /// <summary>With the longest tag and all that is between them an index key still is a key.</summary>
    private const int MaxNameBytes = 800;

    private const int MaxTagBytes = 200;

    /// <summary>The key of an entry.</summary>
    public static string EntryOf(string key) => $"{Entries}{{{CacheKey.Of(key, MaxNameBytes, apart: "{}")}}}";

    /// <summary>What the index keys of a tag begin with, and those of no other.</summary>
    public static string PrefixOf(string tag) => $"tags/{CacheKey.Of(tag, MaxTagBytes, apart: "{}/")}/";

    /// <summary>The index key of an entry.</summary>
    public static string IndexOf(string prefix, string entry) => prefix + entry[Entries.Length..];

    /// <summary>The key of the entry that an index key is of.</summary>
    public static string EntryAt(string prefix, string index) => Entries + index[prefix.Length..];
}
