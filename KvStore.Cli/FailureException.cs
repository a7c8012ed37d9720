using KvStore.Contracts;

namespace KvStore.Cli;

/// <summary>Why a verb ends, in one line for whoever called it; not for defects.</summary>
internal sealed class FailureException(string message, int exitCode = ExitCodes.Failed, Exception? inner = null)
    : Exception(message, inner)
{
    public int ExitCode { get; } = exitCode;

    /// <summary>The code of the problem that the server answered; null: it is another failure.</summary>
    public string? Code { get; init; }

    /// <summary>What the server said of what was asked; null: it said nothing.</summary>
    public Applied? Applied { get; init; }
}
