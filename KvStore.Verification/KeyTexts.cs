using System.Globalization;

namespace KvStore.Verification;

/// <summary>
/// The texts of one key's history, replaced by ids. Where the key is added to, the id of a number follows from it.
/// </summary>
internal sealed class KeyTexts(bool hasUniqueEtags)
{
    private readonly Dictionary<string, int> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _etags = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _etagOfValue = new(StringComparer.Ordinal);
    private readonly HashSet<string> _writtenValues = new(StringComparer.Ordinal);
    private readonly HashSet<string> _writtenEtags = new(StringComparer.Ordinal);
    private readonly HashSet<string> _readEtags = new(StringComparer.Ordinal);
    private readonly HashSet<string> _seenValues = new(StringComparer.Ordinal);
    private readonly HashSet<string> _demandedEtags = new(StringComparer.Ordinal);
    private bool _isAddedTo;
    private bool _hasUniqueValues = true;

    /// <summary>A step that is part of the history, before any is translated.</summary>
    public void Notice(OperationStep step, OperationResult result)
    {
        if (step.Op is OperationKind.Get && step.Value is { } value)
        {
            _seenValues.Add(value);
            if (step.Etag is { } etag)
                _etagOfValue.TryAdd(value, etag);
        }

        _isAddedTo |= step.Op is OperationKind.Increment;
        _hasUniqueValues &= step.Op is not OperationKind.Put || _writtenValues.Add(step.Value ?? "");
        if (hasUniqueEtags && result == OperationResult.Ok && step is { Value: not null, Etag: { } taken })
            (step.IsWrite ? _writtenEtags : _readEtags).Add(taken);
        if (step.IfMatch is { } demanded and not "*")
            _demandedEtags.Add(demanded);
    }

    public RegisterOperation Translate(OperationStep step, OperationResult result)
    {
        var isUnanswered = result == OperationResult.Unknown;
        return new RegisterOperation
        {
            Kind = step.Op,
            Result = result,
            Value = isUnanswered ? UnansweredValue(step) : ValueOf(step.Value),
            By = step.By ?? 0,
            Etag = isUnanswered ? UnansweredEtag(step) : AnsweredEtag(step, result),
            Found = step.Found,
            MustBePresent = step.IfMatch is not null,
            MustBeAbsent = step.IfNone is not null,
            IsEtagTaken = IsTaken(step.Etag),
            IsMatchTaken = IsTaken(step.IfMatch),
            MustMatch = step.IfMatch is null or "*" ? RegisterState.Any : EtagOf(step.IfMatch),
        };
    }

    /// <summary>What is compared: a value that must be there, if it is named, and a condition.</summary>
    public RegisterOperation TranslateComparison(OperationStep step) => Translate(step, OperationResult.Ok) with
    {
        Value = step.Value is null ? RegisterState.Any : ValueOf(step.Value),
    };

    private bool HasTellingValues => _hasUniqueValues && !_isAddedTo;

    /// <summary>Who wrote what a value belongs to is known; its version is then not another's.</summary>
    private bool IsTaken(string? etag) => etag is not null
        && (_writtenEtags.Contains(etag) || (HasTellingValues && _readEtags.Contains(etag)));

    private int AnsweredEtag(OperationStep step, OperationResult result)
    {
        if (step.Op is OperationKind.Put or OperationKind.Increment && result == OperationResult.Ok)
            return step.Etag is { } written ? EtagOf(written) : RegisterState.Untold;
        var isMeaningless = step.Op == OperationKind.Delete && result == OperationResult.Ok;
        if (step.Etag is not { } told || isMeaningless)
            return RegisterState.Any;
        return result == OperationResult.Fail && !hasUniqueEtags ? RegisterState.Any : EtagOf(told);
    }

    private int UnansweredValue(OperationStep step)
    {
        var isSeen = step.Value is null || _isAddedTo || _seenValues.Contains(step.Value);
        return isSeen ? ValueOf(step.Value) : RegisterState.Unseen;
    }

    private int UnansweredEtag(OperationStep step)
    {
        if (step.Op == OperationKind.Delete)
            return RegisterState.Any;
        var etag = step.Etag ?? (HasTellingValues ? _etagOfValue.GetValueOrDefault(step.Value ?? "") : null);
        if (etag is null)
            return RegisterState.Untold;
        var isSeen = _demandedEtags.Contains(etag) || _seenValues.Contains(step.Value ?? "");
        return isSeen || hasUniqueEtags ? EtagOf(etag) : RegisterState.Unseen;
    }

    private int ValueOf(string? value)
    {
        if (value is null)
            return RegisterState.Absent;
        if (!_isAddedTo)
            return IdOf(_values, value);
        var isNumber = int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number);
        if (!isNumber)
            return RegisterState.Any - IdOf(_values, value);
        return RegisterState.IdOfNumber(number) ?? throw TooLarge(value);
    }

    private static InvalidDataException TooLarge(string value) => new($"{value} is beyond what this checker adds up.");

    private int EtagOf(string etag) => IdOf(_etags, etag);

    private static int IdOf(Dictionary<string, int> ids, string text)
    {
        if (!ids.TryGetValue(text, out var id))
            ids.Add(text, id = ids.Count + 1);
        return id;
    }
}
