namespace KvStore.Tests.Simulation;

/// <summary>
/// A law of the store was broken in a simulated world; the message says which, and how to see it again.
/// </summary>
internal sealed class SimulationFailedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Claims about the simulated world.</summary>
internal static class Law
{
    public static void Holds(bool claim, FormattableString otherwise)
    {
        if (!claim)
            throw new SimulationFailedException(FormattableString.Invariant(otherwise));
    }
}
