using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using KvStore.Cli.Server;
using KvStore.Contracts;

namespace KvStore.Cli.Verbs;

/// <summary><c>kv export</c>.</summary>
internal static class ExportVerb
{
    public static Command Build(Terminal terminal)
    {
        var bucket = BucketOption.Build();
        var prefix = new Option<string?>("--prefix") { Description = "What the keys begin with.", HelpName = "TEXT" };
        var file = new Option<string?>("--out")
        {
            Description = "Where to; there when it is whole and not before. Absent: standard output.",
            HelpName = "FILE",
        };
        var output = OutputFormat.Option(
            "How to say how many there were: table (default) in words, json, raw: the number; with --out on standard "
            + "output, else on standard error.");
        var server = ServerOption.Build(terminal);
        return new Command("export", "Print every entry of a bucket, one line of JSON each, as `kv import` takes them.")
        {
            bucket, prefix, file, output, server,
        }.Does(async parsed =>
        {
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            var name = parsed.GetRequiredValue(bucket);
            var target = new StringBuilder(Routes.Export.Replace("{bucket}", name, StringComparison.Ordinal));
            target.Append("?prefix=").Append(Uri.EscapeDataString(parsed.GetValue(prefix) ?? ""));
            var path = parsed.GetValue(file);
            var count = path is null
                ? await new Exporter(terminal, connection, target.ToString(), terminal.OutBytes, isFile: false)
                    .RunAsync().ConfigureAwait(false)
                : await ToFileAsync(terminal, connection, target.ToString(), path).ConfigureAwait(false);
            var place = path is null ? terminal.Error : terminal.Out;
            await place.WriteLineAsync(parsed.GetValue(output) switch
            {
                OutputFormat.Json =>
                    JsonSerializer.Serialize(new ExportedLine(name, count, path), VerbJson.Lines.ExportedLine),
                OutputFormat.Raw => count.ToString(CultureInfo.InvariantCulture),
                _ => $"{count} entries of {name} exported",
            }).ConfigureAwait(false);
            return ExitCodes.Ok;
        });
    }

    /// <summary>Under another name until it is whole.</summary>
    private static async Task<long> ToFileAsync(Terminal terminal, KvServer server, string target, string path)
    {
        var part = path + ".part";
        try
        {
            long count;
            await using (var file = new FileStream(part, FileMode.Create, FileAccess.Write, FileShare.Read))
            {
                count = await new Exporter(terminal, server, target, file, isFile: true).RunAsync()
                    .ConfigureAwait(false);
                file.Flush(flushToDisk: true);
            }

            File.Move(part, path, overwrite: true);
            return count;
        }
        catch (FailureException)
        {
            File.Delete(part);
            throw;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"{path} cannot be written: {failure.Message}", inner: failure);
        }
    }
}
