namespace KvStore.Verification;

/// <summary>What one key holds: ids of its value and version.</summary>
internal readonly record struct RegisterState(int Value, int Etag)
{
    /// <summary>The key is not there.</summary>
    public const int Absent = 0;

    /// <summary>A version nobody was told yet; the first who is told fixes it.</summary>
    public const int Untold = -1;

    /// <summary>A value or version that no operation of the history ever mentions.</summary>
    public const int Unseen = -2;

    /// <summary>No demand on the version, or on the value. Texts of keys that are added to have ids below it.</summary>
    public const int Any = -3;

    private const int MaxNumber = 1_000_000_000;

    public bool IsPresent => Value != Absent;

    /// <summary>Of a key that is added to: the number that it holds, 0 when it is not there, null for a text.</summary>
    public long? Number => !IsPresent ? 0 : Value < 0 ? null : Value % 2 == 0 ? -(Value / 2L) : Value / 2L;

    /// <summary>The id of a number: odd for those from 0 on; null when it is too large.</summary>
    public static int? IdOfNumber(long number) => number switch
    {
        < -MaxNumber or > MaxNumber => null,
        < 0 => (int)(-number * 2),
        _ => (int)((number * 2) + 1),
    };
}

/// <summary>An operation on one key with its texts replaced by ids, so that the search compares numbers.</summary>
internal readonly record struct RegisterOperation
{
    public required OperationKind Kind { get; init; }
    public required OperationResult Result { get; init; }

    /// <summary>The value written or read; <see cref="RegisterState.Absent"/> for a read that found nothing.</summary>
    public required int Value { get; init; }

    /// <summary>What is added.</summary>
    public required long By { get; init; }

    /// <summary>The version written, read or found; <see cref="RegisterState.Any"/> when none was named.</summary>
    public required int Etag { get; init; }

    public required bool? Found { get; init; }
    public required bool MustBePresent { get; init; }
    public required bool MustBeAbsent { get; init; }

    /// <summary>The version demanded by the condition; <see cref="RegisterState.Any"/> for none.</summary>
    public required int MustMatch { get; init; }

    /// <summary>Whether the version told is known to be another write's, so that an untold one cannot be it.</summary>
    public required bool IsEtagTaken { get; init; }

    /// <summary>Likewise the version demanded.</summary>
    public required bool IsMatchTaken { get; init; }

    /// <summary>Whether it never changes what the key holds, whenever it takes place.</summary>
    public bool IsObservation => Kind == OperationKind.Get || Result == OperationResult.Fail;

    /// <summary>Whether it can take place in this state with this answer, and what it leaves behind.</summary>
    public bool TryApply(RegisterState state, out RegisterState next)
    {
        next = state;
        if (Kind == OperationKind.Get)
            return state.Value == Value && TryTell(state, out next);
        return Result switch
        {
            OperationResult.Fail => !MustHold(state) && TryTell(state, out next),
            OperationResult.Ok =>
                CanHold(state) && (Found ?? state.IsPresent) == state.IsPresent && Write(state, out next),
            _ => CanHold(state) && Write(state, out next),
        };
    }

    /// <summary>As a comparison that held: a version that is demanded and untold becomes known.</summary>
    public bool TryCompare(RegisterState state, out RegisterState next)
    {
        next = MustMatch == RegisterState.Any ? state : state with { Etag = MustMatch };
        return IsCompared(state) && CanHold(state);
    }

    /// <summary>As a comparison: whether it may be one that did not hold.</summary>
    public bool CanFail(RegisterState state) => !IsCompared(state) || !MustHold(state);

    private bool IsCompared(RegisterState state) => Value == RegisterState.Any || state.Value == Value;

    private bool Write(RegisterState state, out RegisterState next)
    {
        next = default;
        if (Kind == OperationKind.Delete)
            return true;
        next = new RegisterState(Value, Etag);
        if (Kind != OperationKind.Increment)
            return true;
        if (state.Number is not { } number || RegisterState.IdOfNumber(number + By) is not { } sum)
            return false;
        next = next with { Value = sum };
        return Result != OperationResult.Ok || sum == Value;
    }

    /// <summary>The version of the state becomes known to whoever is told it.</summary>
    private bool TryTell(RegisterState state, out RegisterState next)
    {
        next = state;
        if (Etag == RegisterState.Any)
            return true;
        if (!state.IsPresent)
            return false;
        if (state.Etag == RegisterState.Untold)
        {
            next = state with { Etag = Etag };
            return !IsEtagTaken;
        }

        return state.Etag == Etag;
    }

    /// <summary>An untold version may be the demanded one, or not: both answers are explained by it.</summary>
    private bool CanHold(RegisterState state) =>
        MustHold(state) || (state is { IsPresent: true, Etag: RegisterState.Untold } && MustMatch > 0 && !IsMatchTaken);

    private bool MustHold(RegisterState state) =>
        (!MustBePresent || state.IsPresent)
        && (!MustBeAbsent || !state.IsPresent)
        && (MustMatch == RegisterState.Any || (state.IsPresent && state.Etag == MustMatch));
}
