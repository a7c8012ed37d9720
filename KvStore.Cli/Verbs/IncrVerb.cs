using System.CommandLine;
using System.Net.Http.Headers;
using System.Text.Json;
using KvStore.Cli.Server;
using KvStore.Contracts;

namespace KvStore.Cli.Verbs;

/// <summary>The body of an increment.</summary>
internal sealed record IncrementBody(long By, long Initial);

/// <summary><c>kv incr</c>.</summary>
internal static class IncrVerb
{
    private const string MediaType = "application/vnd.kvstore.increment+json";

    public static Command Build(Terminal terminal)
    {
        var key = KeyArgument.Build();
        var by = new Argument<long>("BY")
        {
            Description = "What is added; may be negative.",
            DefaultValueFactory = _ => 1,
        };
        var initial = new Option<long>("--initial")
        {
            Description = "What a key that is not there counts as.",
            HelpName = "NUMBER",
        };
        var bucket = BucketOption.Build();
        var ttl = KeyArgument.Ttl();
        var output = OutputFormat.Option("How to print: raw (default) the sum alone; json; table.");
        var server = ServerOption.Build(terminal);
        return new Command("incr", "Add to a number; concurrent increments all count.")
        {
            key, by, initial, bucket, ttl, output, server,
        }.Does(async parsed =>
        {
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            var name = parsed.GetRequiredValue(key);
            var request = connection.ForWrite(HttpMethod.Patch, parsed.GetRequiredValue(bucket), name);
            var body = new IncrementBody(parsed.GetValue(by), parsed.GetValue(initial));
            request.Content = new ByteArrayContent(
                JsonSerializer.SerializeToUtf8Bytes(body, VerbJson.Lines.IncrementBody));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(MediaType);
            if (parsed.GetValue(ttl) is { } kept)
                request.Headers.TryAddWithoutValidation(KvHeaders.Ttl, kept);
            using var answer = await connection.AskAsync(request).ConfigureAwait(false);
            Print(terminal, parsed.GetValue(output), await ReadAsync(name, answer).ConfigureAwait(false));
            return ExitCodes.Ok;
        });
    }

    private static async Task<CountedLine> ReadAsync(string key, HttpResponseMessage answer)
    {
        try
        {
            var body = await answer.Content.ReadAsByteArrayAsync().ConfigureAwait(false);
            var entry = JsonSerializer.Deserialize(body, ContractsJson.Default.EntryResponse)!;
            return new CountedLine(
                key, entry.Value.GetInt64(), entry.Version, answer.Etag(), answer.Text(KvHeaders.ExpiresAt));
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException or FormatException)
        {
            throw new FailureException("The number was added to, but the answer is not an entry of a KvStore.",
                inner: failure);
        }
    }

    private static void Print(Terminal terminal, string? format, CountedLine line)
    {
        switch (format)
        {
            case OutputFormat.Json:
                terminal.Out.WriteLine(JsonSerializer.Serialize(line, VerbJson.Lines.CountedLine));
                break;
            case OutputFormat.Table:
                Tables.Print(terminal, line);
                break;
            default:
                terminal.Out.WriteLine(line.Value);
                break;
        }
    }
}
