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
        terminal.Messages.AreJson = OutputFormat.IsJsonAskedFor(parsed);
        var streams = new InvocationConfiguration
        {
            Output = terminal.Out,
            Error = terminal.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,    // a verb that has something to end in order sees to it itself
        };
        try
        {
            return parsed.Action is ParseErrorAction
                ? throw WrongUsage(parsed)
                : await parsed.InvokeAsync(streams).ConfigureAwait(false);
        }
        catch (FailureException failure)
        {
            terminal.Messages.Tell(failure);
            return failure.ExitCode;
        }
        catch (OutputEndedException)
        {
            return ExitCodes.OutputEnded;
        }
        catch (Exception defect)
        {
            await terminal.Error.WriteLineAsync($"kv: a defect of the program: {defect}").ConfigureAwait(false);
            return ExitCodes.Failed;
        }
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
            NodesVerb.Build(terminal),
            CompletionVerb.Build(terminal),
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

    /// <summary>Gives a verb its action.</summary>
    internal static Command Does(this Command verb, Func<ParseResult, Task<int>> act)
    {
        verb.SetAction(act);
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

    private static FailureException WrongUsage(ParseResult parsed)
    {
        var verb = "kv";
        SymbolResult? part = parsed.CommandResult;
        for (; part is CommandResult { Command: not RootCommand and var command }; part = part.Parent)
            verb = $"kv {command.Name}{verb["kv".Length..]}";
        var errors = string.Join(' ', parsed.Errors.Select(error => OneLine(error.Message)));
        return new FailureException($"{errors} `{verb} --help` says what is taken.", ExitCodes.Usage);
    }
}
