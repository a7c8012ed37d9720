using System.Globalization;
using System.Runtime.CompilerServices;

namespace KvStore.Tests.Simulation;

/// <summary>
/// A law of the store was broken in a simulated world; the message says which, and how to see it again.
/// </summary>
internal sealed class SimulationFailedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Claims about the simulated world.</summary>
internal static class Law
{
    public static void Holds(bool claim, [InterpolatedStringHandlerArgument(nameof(claim))] ref Breach otherwise)
    {
        if (!claim)
            throw new SimulationFailedException(otherwise.Text());
    }
}

/// <summary>
/// What is told of a broken law, put into words only when it is broken: laws are asked at every step.
/// </summary>
[InterpolatedStringHandler]
internal ref struct Breach
{
    private DefaultInterpolatedStringHandler _words;

    public Breach(int literalLength, int formattedCount, bool claim, out bool isBroken)
    {
        isBroken = !claim;
        if (isBroken)
            _words = new DefaultInterpolatedStringHandler(literalLength, formattedCount, CultureInfo.InvariantCulture);
    }

    public void AppendLiteral(string text) => _words.AppendLiteral(text);

    public void AppendFormatted<T>(T value) => _words.AppendFormatted(value);

    public string Text() => _words.ToStringAndClear();
}
