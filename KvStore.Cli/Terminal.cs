using System.Text;

namespace KvStore.Cli;

/// <summary>What the program is connected to.</summary>
internal sealed record Terminal
{
    /// <summary>Text for people or programs, UTF-8 and written at once.</summary>
    public required TextWriter Out { get; init; }

    /// <summary>The same place as <see cref="Out"/>, for bytes.</summary>
    public required Stream OutBytes { get; init; }

    /// <summary>One line for each failure.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>What is written there.</summary>
    public Messages Messages => field ??= new(Error);

    /// <summary>Values come from here.</summary>
    public required Func<Stream> OpenInput { get; init; }

    /// <summary>Whether a person types.</summary>
    public required bool IsInputTerminal { get; init; }

    /// <summary>Whether a person reads.</summary>
    public required bool IsOutputTerminal { get; init; }

    /// <summary>Environment variables.</summary>
    public required Func<string, string?> Variable { get; init; }

    /// <summary>By which it is measured how long something takes.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    public static Terminal OfProcess()
    {
        var output = StandardOutput.Open();
        return new Terminal
        {
            Out = new StreamWriter(output, new UTF8Encoding(false)) { AutoFlush = true },
            OutBytes = output,
            Error = Console.Error,
            OpenInput = Console.OpenStandardInput,
            IsInputTerminal = !Console.IsInputRedirected,
            IsOutputTerminal = !Console.IsOutputRedirected,
            Variable = Environment.GetEnvironmentVariable,
        };
    }
}
