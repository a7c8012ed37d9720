using System.Collections.Immutable;

namespace KvStore.Verification;

/// <summary>What one step does to the key at a place of the keys that are judged together.</summary>
internal readonly record struct JudgedStep(int Key, RegisterOperation Operation);

/// <summary>An operation on keys that are judged together, ready for the search.</summary>
internal sealed class JudgedOperation
{
    /// <summary>What must hold for <see cref="Then"/>; not all of it for <see cref="Else"/>.</summary>
    public required ImmutableArray<JudgedStep> If { get; init; }

    /// <summary>Null when it is known that this was not done.</summary>
    public required ImmutableArray<JudgedStep>? Then { get; init; }

    /// <summary>Null when it is known that this was not done.</summary>
    public required ImmutableArray<JudgedStep>? Else { get; init; }

    /// <summary>Whether it never changes anything, whenever it takes place.</summary>
    public bool IsObservation => Steps(Then).Concat(Steps(Else)).All(step => step.Operation.IsObservation);

    /// <summary>Whether the other does the same under the same conditions.</summary>
    public bool IsTwinOf(JudgedOperation other) =>
        If.AsSpan().SequenceEqual(other.If.AsSpan())
        && Then.HasValue == other.Then.HasValue
        && Else.HasValue == other.Else.HasValue
        && Steps(Then).SequenceEqual(Steps(other.Then))
        && Steps(Else).SequenceEqual(Steps(other.Else));

    /// <summary>
    /// What it can leave behind if it takes place in this state with the answer it was given: at most one state for
    /// each of its branches.
    /// </summary>
    public IEnumerable<KeyStates> Outcomes(KeyStates states)
    {
        if (Then is { } then && TryCompareAll(states, out var met) && TryApplyAll(then, met, out var done))
            yield return done;
        if (Else is { } otherwise && If.Any(step => step.Operation.CanFail(states[step.Key]))
            && TryApplyAll(otherwise, states, out var instead))
            yield return instead;
    }

    private bool TryCompareAll(KeyStates states, out KeyStates next)
    {
        next = states;
        foreach (var (key, operation) in If)
        {
            if (!operation.TryCompare(next[key], out var state))
                return false;
            next = next.With(key, state);
        }

        return true;
    }

    private static bool TryApplyAll(ImmutableArray<JudgedStep> steps, KeyStates states, out KeyStates next)
    {
        next = states;
        foreach (var (key, operation) in steps)
        {
            if (!operation.TryApply(next[key], out var state))
                return false;
            next = next.With(key, state);
        }

        return true;
    }

    private static IEnumerable<JudgedStep> Steps(ImmutableArray<JudgedStep>? branch) => branch ?? [];
}
