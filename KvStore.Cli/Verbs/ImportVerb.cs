using System.CommandLine;
using System.Text.Json;
using KvStore.Cli.Server;
using KvStore.Contracts;

namespace KvStore.Cli.Verbs;

/// <summary><c>kv import</c>.</summary>
internal static class ImportVerb
{
    public static Command Build(Terminal terminal)
    {
        var bucket = BucketOption.Build();
        var file = new Option<string>("--in")
        {
            Description = "Where from; absent or -: standard input.",
            HelpName = "FILE",
            DefaultValueFactory = _ => "-",
        };
        var mode = new Option<string>("--mode")
        {
            Description = "overwrite (default) what is there, or create what is not and leave the rest alone.",
            HelpName = "overwrite|create",
            DefaultValueFactory = _ => "overwrite",
        }.AcceptOnlyFromAmong("overwrite", "create");
        var output = OutputFormat.Option("How to print what came of it: table (default on a terminal), json.");
        var server = ServerOption.Build(terminal);
        return new Command("import", "Store the entries that `kv export` printed; exit code 1 when some were refused.")
        {
            bucket, file, mode, output, server,
        }.Does(terminal, async parsed =>
        {
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            var (name, path) = (parsed.GetRequiredValue(bucket), parsed.GetRequiredValue(file));
            var target = Routes.Import.Replace("{bucket}", name, StringComparison.Ordinal)
                + $"?mode={parsed.GetRequiredValue(mode)}";
            var (sum, repeated) = await ReadAsync(terminal, connection, target, path).ConfigureAwait(false);
            if (!sum.End)
            {
                await terminal.Error.WriteLineAsync(
                    "kv: the last line of an export was not there: whether something is missing is not known")
                    .ConfigureAwait(false);
            }

            var text = OutputFormat.For(terminal, parsed.GetValue(output)) is OutputFormat.Json
                ? JsonSerializer.Serialize(
                    new ImportedLine(name, sum.Applied, sum.Existing, repeated, sum.Expired, sum.Refused, sum.End),
                    VerbJson.Lines.ImportedLine)
                : $"{sum.Applied} entries stored in {name}, {sum.Existing} were there{Of(repeated)}, "
                    + $"{sum.Expired} had expired, {sum.Refused} were refused";
            await terminal.Out.WriteLineAsync(text).ConfigureAwait(false);
            return sum.Refused > 0 ? ExitCodes.Failed : ExitCodes.Ok;
        });
    }

    private static string Of(long repeated) => repeated == 0
        ? ""
        : $" ({repeated} of them in parts that were sent again: this import itself may have stored them)";

    private static async Task<(ImportResponse Sum, long Repeated)> ReadAsync(
        Terminal terminal, KvServer server, string target, string path)
    {
        using var importer = new Importer(terminal, server, target);
        try
        {
            if (path is "-" && terminal.IsInputTerminal)
                await terminal.Error.WriteLineAsync("kv: type the lines, then Ctrl-D.").ConfigureAwait(false);
            await using var input = path is "-" ? terminal.OpenInput() : File.OpenRead(path);
            await importer.RunAsync(input).ConfigureAwait(false);
            return (importer.Sum, importer.Repeated);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"{path} cannot be read: {failure.Message}", ExitCodes.Usage, failure);
        }
    }
}
