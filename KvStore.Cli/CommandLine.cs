using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using KvStore.Cli.Chaos;
using KvStore.Cli.Dev;
using KvStore.Cli.Verbs;

namespace KvStore.Cli;

/// <summary>The verbs of <c>kv</c>, and what becomes of a command line.</summary>
internal static class CommandLine
{
    private const string Description =
        "KvStore: a durable, replicated key-value store. `kv dev` starts a cluster on this machine; "
        + "the other verbs talk to one that runs.";

    /// <summary>Does what the command line asks for.</summary>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(string[] args, Terminal terminal)
    {
        var parsed = Parse(args, terminal);
        if (parsed.Action is ParseErrorAction)
            return ExplainUsage(parsed, terminal.Error);
        var streams = new InvocationConfiguration
        {
            Output = terminal.Out,
            Error = terminal.Error,
            ProcessTerminationTimeout = null,    // a verb that has something to end in order sees to it itself
        };
        return await parsed.InvokeAsync(streams).ConfigureAwait(false);
    }

    /// <summary>Reads a command line; a value may start with <c>@</c> or <c>-</c> like any other text.</summary>
    internal static ParseResult Parse(string[] args, Terminal terminal)
    {
        var root = new RootCommand(Description)
        {
            DevVerb.Build(terminal),
            GetVerb.Build(terminal),
            PutVerb.Build(terminal),
            DeleteVerb.Build(terminal),
            LsVerb.Build(terminal),
            IncrVerb.Build(terminal),
            TouchVerb.Build(terminal),
            TxnVerb.Build(terminal),
            WatchVerb.Build(terminal),
            ExportVerb.Build(terminal),
            ImportVerb.Build(terminal),
            BucketVerb.Build(terminal),
            StatusVerb.Build(terminal),
            ForDevelopers(ChaosVerb.Build(terminal), args),
        };
        root.SetAction(parsed =>
        {
            new HelpAction().Invoke(parsed);
            return ExitCodes.Usage;
        });
        var plain = new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null };
        return root.Parse(args, plain);
    }

    /// <summary>Gives a verb its action: what fails for a reason is one line on standard error.</summary>
    internal static Command Does(this Command verb, Terminal terminal, Func<ParseResult, Task<int>> act)
    {
        verb.SetAction(async parsed =>
        {
            try
            {
                return await act(parsed).ConfigureAwait(false);
            }
            catch (FailureException failure)
            {
                await terminal.Error.WriteLineAsync($"kv: {OneLine(failure.Message)}").ConfigureAwait(false);
                return failure.ExitCode;
            }
        });
        return verb;
    }

    /// <summary>
    /// The everyday help does not list it. What is hidden has no help at all, so it is not when it is asked for.
    /// </summary>
    private static Command ForDevelopers(Command verb, string[] args)
    {
        verb.Hidden = args.FirstOrDefault() != verb.Name;
        return verb;
    }

    internal static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();

    private static int ExplainUsage(ParseResult parsed, TextWriter errors)
    {
        foreach (var error in parsed.Errors)
            errors.WriteLine($"kv: {OneLine(error.Message)}");
        var verb = "kv";
        SymbolResult? part = parsed.CommandResult;
        for (; part is CommandResult { Command: not RootCommand and var command }; part = part.Parent)
            verb = $"kv {command.Name}{verb["kv".Length..]}";
        errors.WriteLine($"`{verb} --help` says what is taken.");
        return ExitCodes.Usage;
    }
}
