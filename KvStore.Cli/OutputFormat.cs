using System.CommandLine;
using System.CommandLine.Parsing;

namespace KvStore.Cli;

/// <summary>How answers are written.</summary>
internal static class OutputFormat
{
    public const string Name = "--output";
    public const string Table = "table";
    public const string Json = "json";
    public const string Raw = "raw";

    /// <summary>What was asked for, or else what suits the reader.</summary>
    public static string For(Terminal terminal, string? asked) => asked ?? (terminal.IsOutputTerminal ? Table : Json);

    /// <summary>The option <c>-o</c>; null when it was not given.</summary>
    public static Option<string?> Option(string description) =>
        new Option<string?>(Name, "-o") { Description = description, HelpName = "table|json|raw" }
            .AcceptOnlyFromAmong(Table, Json, Raw);

    /// <summary>Whether JSON was asked for, also on a command line that is wrong otherwise.</summary>
    public static bool IsJsonAskedFor(ParseResult parsed) => parsed.CommandResult.Children.Any(
        part => part is OptionResult { Option.Name: Name } option && option.Tokens.Any(token => token.Value is Json));
}
