using System.CommandLine;

namespace KvStore.Cli.Verbs;

/// <summary><c>kv completion</c>.</summary>
internal static class CompletionVerb
{
    public static Command Build(Terminal terminal)
    {
        var shell = new Argument<string>("SHELL")
        {
            Description = $"One of {string.Join(", ", CompletionScripts.All.Keys)}.",
        }.AcceptOnlyFromAmong([.. CompletionScripts.All.Keys]);
        return new Command("completion", "Print what makes a shell complete kv; its first line says how to use it.")
        {
            shell,
        }.Does(async parsed =>
        {
            await terminal.Out.WriteLineAsync(CompletionScripts.All[parsed.GetRequiredValue(shell)])
                .ConfigureAwait(false);
            return ExitCodes.Ok;
        });
    }
}
