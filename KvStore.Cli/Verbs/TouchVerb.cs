using System.CommandLine;
using System.Text.Json;
using KvStore.Cli.Server;
using KvStore.Contracts;

namespace KvStore.Cli.Verbs;

/// <summary><c>kv touch</c>.</summary>
internal static class TouchVerb
{
    public static Command Build(Terminal terminal)
    {
        var key = KeyArgument.Build();
        var ttl = new Argument<string>("TTL")
        {
            Description = "How long it is kept from now on: 60, 60s, 500ms, 2h, or none.",
        };
        var bucket = BucketOption.Build();
        var ifMatch = KeyArgument.IfMatch();
        var output = OutputFormat.Option(
            "How to print: table (default on a terminal), json (default elsewhere), raw: the ETag.");
        var server = ServerOption.Build(terminal);
        return new Command("touch", "Change how long a key is kept, and nothing else; exit code 3 when there is none.")
        {
            key, ttl, bucket, ifMatch, output, server,
        }.Does(async parsed =>
        {
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            var request = connection.ForWrite(
                HttpMethod.Post, parsed.GetRequiredValue(bucket), parsed.GetRequiredValue(key), "touch");
            request.Headers.TryAddWithoutValidation(KvHeaders.Ttl, parsed.GetRequiredValue(ttl));
            if (parsed.GetValue(ifMatch) is { } match)
                request.Headers.TryAddWithoutValidation("If-Match", KeyArgument.Quoted(match));
            using var answer = await connection.AskAsync(request).ConfigureAwait(false);
            Print(terminal, parsed.GetValue(output), new TouchedLine(
                parsed.GetRequiredValue(key),
                answer.Version(),
                answer.Etag(),
                answer.Text(KvHeaders.ExpiresAt)));
            return ExitCodes.Ok;
        });
    }

    private static void Print(Terminal terminal, string? format, TouchedLine line)
    {
        switch (OutputFormat.For(terminal, format))
        {
            case OutputFormat.Json:
                terminal.Out.WriteLine(JsonSerializer.Serialize(line, VerbJson.Lines.TouchedLine));
                break;
            case OutputFormat.Raw:
                terminal.Out.WriteLine(line.Etag);
                break;
            default:
                Tables.Print(terminal, line);
                break;
        }
    }
}
