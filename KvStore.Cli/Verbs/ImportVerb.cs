using System.CommandLine;
using System.Globalization;
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
        var output = OutputFormat.Option(
            "How to print what came of it: table (default on a terminal) in words, json (default elsewhere), raw: how "
            + "many were stored.");
        var server = ServerOption.Build(terminal);
        return new Command("import", "Store the entries that `kv export` printed; exit code 1 when some were refused.")
        {
            bucket, file, mode, output, server,
        }.Does(async parsed =>
        {
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            var (name, path) = (parsed.GetRequiredValue(bucket), parsed.GetRequiredValue(file));
            var target = Routes.Import.Replace("{bucket}", name, StringComparison.Ordinal)
                + $"?mode={parsed.GetRequiredValue(mode)}";
            var (sum, repeated) = await ReadAsync(terminal, connection, target, path).ConfigureAwait(false);
            if (!sum.End)
            {
                terminal.Messages.Note(
                    "the last line of an export was not there: whether something is missing is not known");
            }

            await terminal.Out.WriteLineAsync(Text(
                OutputFormat.For(terminal, parsed.GetValue(output)),
                new(name, sum.Applied, sum.Existing, repeated, sum.Expired, sum.Refused, sum.End)))
                .ConfigureAwait(false);
            return sum.Refused > 0 ? ExitCodes.Failed : ExitCodes.Ok;
        });
    }

    private static string Text(string format, ImportedLine line) => format switch
    {
        OutputFormat.Json => JsonSerializer.Serialize(line, VerbJson.Lines.ImportedLine),
        OutputFormat.Raw => line.Applied.ToString(CultureInfo.InvariantCulture),
        _ => $"{line.Applied} entries stored in {line.Bucket}, {line.Existing} were there{Of(line.Repeated)}, "
            + $"{line.Expired} had expired, {line.Refused} were refused",
    };

    private static string Of(long repeated) => repeated == 0
        ? ""
        : $" (at most {repeated} of them stored by this import itself, in parts that were sent again)";

    private static async Task<(ImportResponse Sum, long Repeated)> ReadAsync(
        Terminal terminal, KvServer server, string target, string path)
    {
        using var importer = new Importer(terminal, server, target);
        try
        {
            if (path is "-" && terminal.IsInputTerminal)
                terminal.Messages.Note("type the lines, then Ctrl-D.");
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
