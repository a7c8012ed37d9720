namespace KvStore.Verification;

/// <summary>Whether some order of the operations explains all answers.</summary>
public enum Verdict
{
    /// <summary>Some order does.</summary>
    Legal,

    /// <summary>No order does.</summary>
    Illegal,

    /// <summary>The search was given up at its limit; counts as a failure.</summary>
    Undecided,
}

/// <summary>What a checker says of a history.</summary>
/// <param name="Verdict">Whether it is linearizable.</param>
/// <param name="Why">For a bad verdict, which key and what could not be explained; else empty.</param>
public sealed record Judgement(Verdict Verdict, string Why)
{
    /// <summary>All answers are explained.</summary>
    public static Judgement Legal { get; } = new(Verdict.Legal, "");
}

/// <summary>
/// Judges whether a history is linearizable (Herlihy and Wing, 1990), a transaction being one operation on all its
/// keys, so that with transactions this is strict serializability. Keys that no operation touches together are judged
/// apart, by <see cref="ComponentSearch"/>.
/// </summary>
/// <param name="hasUniqueEtags">
/// Versions name one write each of their key, and a failed condition tells the version it found; both are then checked.
/// </param>
/// <param name="maxConfigurations">Where the search for keys that are judged together is given up.</param>
public sealed class LinearizabilityChecker(bool hasUniqueEtags, int maxConfigurations = 1_000_000)
{
    /// <summary>Judges a history, the operations of which may stand in any order.</summary>
    /// <returns>The verdict on the first keys, in ordinal order, that are not legal.</returns>
    /// <exception cref="InvalidDataException">An operation contradicts itself.</exception>
    public Judgement Judge(IEnumerable<HistoryOperation> history)
    {
        ArgumentNullException.ThrowIfNull(history);
        return JudgeEach(history).FirstOrDefault(judgement => judgement.Verdict != Verdict.Legal) ?? Judgement.Legal;
    }

    /// <summary>As <see cref="Judge"/>, but gives the verdict on each part of the history.</summary>
    public IEnumerable<Judgement> JudgeEach(IEnumerable<HistoryOperation> history)
    {
        ArgumentNullException.ThrowIfNull(history);
        foreach (var (keys, operations) in KeyComponents.Of([.. history.Where(CanMatter)]))
        {
            var judgement = JudgePart(operations);
            var names = keys.Length == 1 ? $"Key '{keys[0]}'" : $"Keys '{string.Join("', '", keys)}'";
            yield return judgement.Verdict == Verdict.Legal
                ? judgement
                : judgement with { Why = $"{names}: {judgement.Why}" };
        }
    }

    private static bool CanMatter(HistoryOperation operation) =>
        operation.Op != OperationKind.GetEventual
        && operation.Result != OperationResult.Rejected
        && (operation.IsWrite || operation.Result != OperationResult.Unknown);

    private Judgement JudgePart(HistoryOperation[] operations)
    {
        if (hasUniqueEtags && ReusedEtag(operations) is { } reused)
            return new Judgement(Verdict.Illegal, reused);
        return new ComponentSearch(operations, hasUniqueEtags, maxConfigurations).Judge();
    }

    /// <summary>A version of a key belongs to one value, and to one write.</summary>
    private static string? ReusedEtag(HistoryOperation[] operations)
    {
        HashSet<(string, string)> written = [];
        Dictionary<(string, string), string> valueOf = [];
        foreach (var operation in operations.Where(operation => operation.Result == OperationResult.Ok))
        {
            foreach (var step in ToldSteps.Of(operation))
            {
                if (step.Etag is not { } etag)
                    continue;
                if (step.IsWrite && !written.Add((step.Key, etag)))
                {
                    var second = HistoryFormat.LineOf(operation);
                    return $"version {etag} was given to two writes, the second being {second}";
                }

                if (step.Value is { } value && !valueOf.TryAdd((step.Key, etag), value)
                    && valueOf[(step.Key, etag)] is var other && other != value)
                    return $"version {etag} belongs to '{other}' and to '{value}'";
            }
        }

        return null;
    }
}
