namespace KvStore.Tests.Simulation.Checkers;

/// <summary>Whether some order of the operations explains all answers.</summary>
internal enum Verdict
{
    Legal,
    Illegal,

    /// <summary>The search was given up at its limit; counts as a failure.</summary>
    Undecided,
}

/// <summary>A verdict, and for a bad one which key and what could not be explained.</summary>
internal sealed record Judgement(Verdict Verdict, string Why)
{
    public static Judgement Legal { get; } = new(Verdict.Legal, "");
}

/// <summary>
/// Judges whether a history of single-key operations is linearizable (Herlihy and Wing, 1990). Linearizability is
/// local, so each key is judged on its own, by <see cref="KeySearch"/>.
/// </summary>
/// <param name="hasUniqueEtags">
/// Versions name one write each, and a failed condition tells the version it found; both are then checked.
/// </param>
/// <param name="maxConfigurations">Where the search for one key is given up.</param>
internal sealed class LinearizabilityChecker(bool hasUniqueEtags, int maxConfigurations = 1_000_000)
{
    public Judgement Judge(IEnumerable<HistoryOperation> history)
    {
        var keys = history.GroupBy(operation => operation.Key, StringComparer.Ordinal);
        foreach (var key in keys.OrderBy(key => key.Key, StringComparer.Ordinal))
        {
            var judgement = JudgeKey([.. key.Where(CanMatter)]);
            if (judgement.Verdict != Verdict.Legal)
                return judgement with { Why = $"Key '{key.Key}': {judgement.Why}" };
        }

        return Judgement.Legal;
    }

    private static bool CanMatter(HistoryOperation operation) =>
        operation.Op != OperationKind.GetEventual
        && operation.Result != OperationResult.Rejected
        && (operation.IsWrite || operation.Result != OperationResult.Unknown);

    private Judgement JudgeKey(HistoryOperation[] operations)
    {
        if (hasUniqueEtags && ReusedEtag(operations) is { } reused)
            return new Judgement(Verdict.Illegal, reused);
        return new KeySearch(operations, hasUniqueEtags, maxConfigurations).Judge();
    }

    /// <summary>A version belongs to one value, and to one write.</summary>
    private static string? ReusedEtag(HistoryOperation[] operations)
    {
        HashSet<string> written = new(StringComparer.Ordinal);
        Dictionary<string, string> valueOf = new(StringComparer.Ordinal);
        foreach (var operation in operations)
        {
            if (operation is not { Result: OperationResult.Ok, Etag: { } etag })
                continue;
            if (operation.IsWrite && !written.Add(etag))
                return $"version {etag} was given to two writes, the second being {operation}";
            if (operation.Value is { } value && !valueOf.TryAdd(etag, value) && valueOf[etag] != value)
                return $"version {etag} belongs to '{valueOf[etag]}' and to '{value}'";
        }

        return null;
    }
}
