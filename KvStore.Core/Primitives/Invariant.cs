using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace KvStore.Core.Primitives;

/// <summary>Claims about a replica's own state, checked in every build: a replica that breaks one must stop.</summary>
public static class Invariant
{
    /// <summary>Stops the caller when <paramref name="claim"/> is false.</summary>
    /// <exception cref="InvariantBrokenException">
    /// The claim does not hold; nobody may catch this and carry on.
    /// </exception>
    public static void Holds(
        [DoesNotReturnIf(false)] bool claim,
        [CallerArgumentExpression(nameof(claim))] string? text = null)
    {
        if (!claim)
            throw new InvariantBrokenException(text);
    }
}

/// <summary>A claim about the program's own state turned out false: a bug, never an input's fault.</summary>
public sealed class InvariantBrokenException : Exception
{
    /// <summary>Names the broken claim.</summary>
    public InvariantBrokenException(string? claim) : base($"Invariant broken: {claim}")
    {
    }
}
