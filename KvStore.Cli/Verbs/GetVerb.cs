using System.CommandLine;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using KvStore.Cli.Server;
using KvStore.Contracts;

namespace KvStore.Cli.Verbs;

/// <summary><c>kv get</c>.</summary>
internal static class GetVerb
{
    public static Command Build(Terminal terminal)
    {
        var key = KeyArgument.Build();
        var consistency = new Option<string?>("--consistency")
        {
            Description = "strong (the server's default): the newest value; bounded: at most 5 s old; eventual: any "
                + "live copy's.",
            HelpName = "strong|session|bounded|eventual",
        }.AcceptOnlyFromAmong("strong", "session", "bounded", "eventual");
        var bucket = BucketOption.Build();
        var output = OutputFormat.Option("How to print: raw (default) the value alone, byte for byte; json; table.");
        var server = ServerOption.Build(terminal);
        return new Command("get", "Print the value of a key; exit code 3 when there is none.")
        {
            key, bucket, consistency, output, server,
        }.Does(async parsed =>
        {
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            var request = connection.ForKey(
                HttpMethod.Get, parsed.GetRequiredValue(bucket), parsed.GetRequiredValue(key));
            if (parsed.GetValue(consistency) is { } level)
                request.Headers.Add(KvHeaders.Consistency, level);
            using var answer = await connection.AskAsync(request).ConfigureAwait(false);
            var entry = await ReadAsync(answer).ConfigureAwait(false);
            await PrintAsync(terminal, parsed.GetValue(output), entry).ConfigureAwait(false);
            return ExitCodes.Ok;
        });
    }

    /// <summary>
    /// The bytes that were stored. Text stands in the answer as a JSON string; a JSON value stands there as it was
    /// stored, also one that is a string.
    /// </summary>
    internal static ReadOnlyMemory<byte> BytesOf(ReadLine entry)
    {
        if (entry.Base64 is { } bytes)
            return bytes;
        var isText = entry.ContentType is { } type
            && type.StartsWith("text/", StringComparison.OrdinalIgnoreCase)
            && !type.Contains("+json", StringComparison.OrdinalIgnoreCase);
        return Encoding.UTF8.GetBytes(isText ? entry.Value.GetString()! : entry.Value.GetRawText());
    }

    private static async Task<ReadLine> ReadAsync(HttpResponseMessage answer)
    {
        try
        {
            var body = await answer.Content.ReadAsByteArrayAsync().ConfigureAwait(false);
            var entry = JsonSerializer.Deserialize(body, ContractsJson.Default.EntryResponse)!;
            return new ReadLine
            {
                Key = entry.Key,
                Value = entry.Value,
                Base64 = entry.Base64,
                ContentType = entry.ContentType ?? "application/json",
                Version = entry.Version,
                Etag = answer.Etag(),
                Consistency = answer.Text(KvHeaders.Consistency),
                StalenessMs = answer.Number(KvHeaders.StalenessMs),
                ServedBy = answer.Text(KvHeaders.ServedBy),
            };
        }
        catch (JsonException failure)
        {
            throw new FailureException("The answer is not an entry of a KvStore.", inner: failure);
        }
    }

    private static async Task PrintAsync(Terminal terminal, string? format, ReadLine entry)
    {
        var value = BytesOf(entry);
        var isReadable = Utf8.IsValid(value.Span) && !value.Span.Contains((byte)0);
        switch (format)
        {
            case OutputFormat.Json:
                await terminal.Out.WriteLineAsync(JsonSerializer.Serialize(entry, VerbJson.Lines.ReadLine))
                    .ConfigureAwait(false);
                break;
            case OutputFormat.Table:
                var text = isReadable ? Encoding.UTF8.GetString(value.Span) : $"{value.Length} bytes";
                Tables.Print(terminal, entry, text);
                break;
            case null when terminal.IsOutputTerminal && !isReadable:
                throw new FailureException(
                    $"The value is {value.Length} bytes of {entry.ContentType}, not text: redirect it, or say -o raw.");
            default:
                await terminal.OutBytes.WriteAsync(value).ConfigureAwait(false);
                if (format is null && terminal.IsOutputTerminal && (value.IsEmpty || value.Span[^1] != '\n'))
                    await terminal.Out.WriteLineAsync().ConfigureAwait(false);
                break;
        }
    }
}
