using System.CommandLine;
using System.Text.Json;
using KvStore.Cli.Server;
using KvStore.Contracts;

namespace KvStore.Cli.Verbs;

/// <summary><c>kv delete</c>.</summary>
internal static class DeleteVerb
{
    public static Command Build(Terminal terminal)
    {
        var key = KeyArgument.Build();
        var ifMatch = KeyArgument.IfMatch();
        var bucket = BucketOption.Build();
        var ack = KeyArgument.Ack();
        var output = OutputFormat.Option(
            "How to print: table (default on a terminal), json (default elsewhere), raw: nothing.");
        var server = ServerOption.Build(terminal);
        var verb = new Command("delete", "Delete a key; exit code 3 when there is none.")
        {
            key, bucket, ifMatch, ack, output, server,
        };
        verb.Aliases.Add("del");
        return verb.Does(async parsed =>
        {
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            var request = connection.ForWrite(
                HttpMethod.Delete, parsed.GetRequiredValue(bucket), parsed.GetRequiredValue(key));
            if (parsed.GetValue(ifMatch) is { } match)
                request.Headers.TryAddWithoutValidation("If-Match", KeyArgument.Quoted(match));
            if (parsed.GetValue(ack) is { } copies)
                request.Headers.Add(KvHeaders.Ack, copies);
            using var answer = await connection.AskAsync(request).ConfigureAwait(false);
            Print(terminal, parsed.GetValue(output), new DeletedLine(
                parsed.GetRequiredValue(key),
                Deleted: true,
                answer.Version(),
                answer.Text(KvHeaders.Copies),
                answer.Text(KvHeaders.ServedBy)));
            return ExitCodes.Ok;
        });
    }

    private static void Print(Terminal terminal, string? format, DeletedLine line)
    {
        switch (OutputFormat.For(terminal, format))
        {
            case OutputFormat.Json:
                terminal.Out.WriteLine(JsonSerializer.Serialize(line, VerbJson.Lines.DeletedLine));
                break;
            case OutputFormat.Raw:
                break;
            default:
                Tables.Print(terminal, line);
                break;
        }
    }
}
