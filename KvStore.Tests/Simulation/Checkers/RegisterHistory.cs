namespace KvStore.Tests.Simulation.Checkers;

/// <summary>
/// The history of one key, made ready for the search: answered operations and unanswered writes apart, each in order of
/// their calls, texts replaced by ids.
/// </summary>
internal sealed class RegisterHistory
{
    private readonly Dictionary<string, int> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _etags = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _etagOfValue = new(StringComparer.Ordinal);
    private readonly HashSet<string> _takenEtags = new(StringComparer.Ordinal);
    private readonly HashSet<string> _seenValues = new(StringComparer.Ordinal);
    private readonly HashSet<string> _demandedEtags = new(StringComparer.Ordinal);
    private readonly bool _hasUniqueEtags;

    public RegisterHistory(HistoryOperation[] operations, bool hasUniqueEtags)
    {
        _hasUniqueEtags = hasUniqueEtags;
        foreach (var operation in operations)
            Notice(operation);

        var byCall = operations.OrderBy(operation => operation.CallNs).ToArray();
        AnsweredSource = [.. byCall.Where(operation => operation.Result != OperationResult.Unknown)];
        var unanswered = byCall.Where(operation => operation.Result == OperationResult.Unknown).ToArray();
        Answered = [.. AnsweredSource.Select(Translate)];
        Calls = [.. AnsweredSource.Select(operation => operation.CallNs)];
        Returns = [.. AnsweredSource.Select(operation => operation.ReturnNs)];
        Unanswered = [.. unanswered.Select(Translate)];
        UnansweredCalls = [.. unanswered.Select(operation => operation.CallNs)];
        TwinOf = [.. Unanswered.Select((operation, at) => Unanswered.AsSpan(0, at).LastIndexOf(operation))];
    }

    public HistoryOperation[] AnsweredSource { get; }

    public RegisterOperation[] Answered { get; }

    public long[] Calls { get; }

    public long[] Returns { get; }

    public RegisterOperation[] Unanswered { get; }

    public long[] UnansweredCalls { get; }

    /// <summary>
    /// The latest earlier unanswered write with the same effect, or -1: of twins the one called first may always go
    /// first, so the search need not try the others.
    /// </summary>
    public int[] TwinOf { get; }

    private void Notice(HistoryOperation operation)
    {
        if (operation is { Op: OperationKind.Get, Value: { } value })
        {
            _seenValues.Add(value);
            if (operation.Etag is { } etag)
                _etagOfValue.TryAdd(value, etag);
        }

        if (_hasUniqueEtags && operation is { Result: OperationResult.Ok, Value: not null, Etag: { } taken })
            _takenEtags.Add(taken);
        if (operation.IfMatch is { } demanded and not "*")
            _demandedEtags.Add(demanded);
    }

    private RegisterOperation Translate(HistoryOperation operation)
    {
        if (operation is { Result: OperationResult.Fail, IsConditional: false })
            throw new InvalidDataException($"A call without a condition cannot fail one: {operation}");
        var isUnanswered = operation.Result == OperationResult.Unknown;
        return new RegisterOperation
        {
            Kind = operation.Op,
            Result = operation.Result,
            Value = isUnanswered ? UnansweredValue(operation) : ValueOf(operation.Value),
            Etag = isUnanswered ? UnansweredEtag(operation) : AnsweredEtag(operation),
            Found = operation.Found,
            MustBePresent = operation.IfMatch is not null,
            MustBeAbsent = operation.IfNone is not null,
            IsEtagTaken = _takenEtags.Contains(operation.Etag ?? ""),
            IsMatchTaken = _takenEtags.Contains(operation.IfMatch ?? ""),
            MustMatch = operation.IfMatch is null or "*" ? RegisterState.Any : EtagOf(operation.IfMatch),
        };
    }

    private int AnsweredEtag(HistoryOperation operation)
    {
        if (operation.Op == OperationKind.Put && operation.Result == OperationResult.Ok)
            return operation.Etag is { } written ? EtagOf(written) : RegisterState.Untold;
        var isMeaningless = operation.Op == OperationKind.Delete && operation.Result == OperationResult.Ok;
        if (operation.Etag is not { } told || isMeaningless)
            return RegisterState.Any;
        return operation.Result == OperationResult.Fail && !_hasUniqueEtags ? RegisterState.Any : EtagOf(told);
    }

    private int UnansweredValue(HistoryOperation operation)
    {
        var isSeen = operation.Value is null || _seenValues.Contains(operation.Value);
        return isSeen ? ValueOf(operation.Value) : RegisterState.Unseen;
    }

    private int UnansweredEtag(HistoryOperation operation)
    {
        if (operation.Op == OperationKind.Delete)
            return RegisterState.Any;
        var etag = operation.Etag ?? _etagOfValue.GetValueOrDefault(operation.Value ?? "");
        if (etag is null)
            return RegisterState.Untold;
        var isSeen = _demandedEtags.Contains(etag) || _seenValues.Contains(operation.Value ?? "");
        return isSeen || _hasUniqueEtags ? EtagOf(etag) : RegisterState.Unseen;
    }

    private int ValueOf(string? value) => value is null ? RegisterState.Absent : IdOf(_values, value);

    private int EtagOf(string etag) => IdOf(_etags, etag);

    private static int IdOf(Dictionary<string, int> ids, string text)
    {
        if (!ids.TryGetValue(text, out var id))
            ids.Add(text, id = ids.Count + 1);
        return id;
    }
}
