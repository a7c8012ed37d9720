namespace KvStore.Client;

/// <summary>What a value's writer told of it: names are the same whatever the case of their letters.</summary>
internal static class KvMetadata
{
    /// <summary>Pairs by name.</summary>
    /// <param name="pairs">As an answer has them; null: none.</param>
    public static IReadOnlyDictionary<string, string> Of(IEnumerable<KeyValuePair<string, string>>? pairs)
    {
        Dictionary<string, string>? metadata = null;
        foreach (var (name, value) in pairs ?? [])
            (metadata ??= new(StringComparer.OrdinalIgnoreCase))[name] = value;
        return metadata ?? KvEntry<object>.Empty;
    }
}
