namespace KvStore.Verification;

/// <summary>
/// Splits a history by keys that no operation touches together: what happens in one part has no bearing on another, so
/// each is judged on its own. Without transactions, each key is a part.
/// </summary>
internal static class KeyComponents
{
    /// <summary>The parts, in the ordinal order of their first keys, each with its keys in that order.</summary>
    public static IEnumerable<(string[] Keys, HistoryOperation[] Operations)> Of(
        IReadOnlyCollection<HistoryOperation> history)
    {
        Dictionary<string, string> parents = new(StringComparer.Ordinal);
        foreach (var operation in history)
        {
            var first = Root(parents, operation.Keys.First());
            foreach (var key in operation.Keys.Skip(1))
                parents[Root(parents, key)] = first;
        }

        var operations = history.ToLookup(operation => Root(parents, operation.Keys.First()), StringComparer.Ordinal);
        return parents.Keys.ToArray()
            .GroupBy(key => Root(parents, key), StringComparer.Ordinal)
            .Select(part => (Keys: part.Order(StringComparer.Ordinal).ToArray(), Root: part.Key))
            .OrderBy(part => part.Keys[0], StringComparer.Ordinal)
            .Select(part => (part.Keys, operations[part.Root].ToArray()));
    }

    private static string Root(Dictionary<string, string> parents, string key)
    {
        while (parents.TryGetValue(key, out var parent) && parent != key)
            key = parent;
        parents.TryAdd(key, key);
        return key;
    }
}
