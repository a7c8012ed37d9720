using System.CommandLine;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using KvStore.Cli.Server;
using KvStore.Contracts;

namespace KvStore.Cli.Verbs;

/// <summary><c>kv put</c>.</summary>
internal static class PutVerb
{
    /// <summary>The largest value that a server can be set to take.</summary>
    private const int MaxValueBytes = 16 << 20;

    public static Command Build(Terminal terminal)
    {
        var key = KeyArgument.Build();
        var value = new Argument<string?>("VALUE")
        {
            Description = "The value; absent or -: all of standard input, byte for byte.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var ifMatch = KeyArgument.IfMatch();
        var ifNoneMatch = new Option<string?>("--if-none-match")
        {
            Description = "*: write only if the key does not exist. Exit code 4 when it does.",
            HelpName = "ETAG",
        };
        var contentType = new Option<string?>("--content-type")
        {
            Description = "The value's media type; default: text/plain for UTF-8 text, else application/octet-stream.",
            HelpName = "TYPE",
        };
        var bucket = BucketOption.Build();
        var ttl = KeyArgument.Ttl();
        var ack = KeyArgument.Ack();
        var output = OutputFormat.Option(
            "How to print: table (default on a terminal), json (default elsewhere), raw: the ETag.");
        var server = ServerOption.Build(terminal);
        return new Command("put", "Store a value under a key.")
        {
            key, value, bucket, ttl, ifMatch, ifNoneMatch, contentType, ack, output, server,
        }.Does(async parsed =>
        {
            var bytes = await ReadValueAsync(terminal, parsed.GetValue(value)).ConfigureAwait(false);
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            var request = connection.ForWrite(
                HttpMethod.Put, parsed.GetRequiredValue(bucket), parsed.GetRequiredValue(key));
            request.Content = new ByteArrayContent(bytes);
            SetContentType(request.Content.Headers, parsed.GetValue(contentType) ?? TypeOf(bytes));
            if (parsed.GetValue(ifMatch) is { } match)
                request.Headers.TryAddWithoutValidation("If-Match", KeyArgument.Quoted(match));
            if (parsed.GetValue(ifNoneMatch) is { } noneMatch)
                request.Headers.TryAddWithoutValidation("If-None-Match", KeyArgument.Quoted(noneMatch));
            if (parsed.GetValue(ack) is { } copies)
                request.Headers.Add(KvHeaders.Ack, copies);
            if (parsed.GetValue(ttl) is { } kept)
                request.Headers.TryAddWithoutValidation(KvHeaders.Ttl, kept);
            var type = request.Content.Headers.ContentType?.ToString();
            using var answer = await connection.AskAsync(request).ConfigureAwait(false);
            Print(terminal, parsed.GetValue(output), Describe(parsed.GetRequiredValue(key), type, answer));
            return ExitCodes.Ok;
        });
    }

    private static WrittenLine Describe(string key, string? type, HttpResponseMessage answer) => new(
        key,
        answer.StatusCode is HttpStatusCode.Created,
        answer.Version(),
        answer.Etag(),
        type,
        answer.Text(KvHeaders.ExpiresAt),
        answer.Text(KvHeaders.Copies),
        answer.Text(KvHeaders.ServedBy));

    private static async Task<byte[]> ReadValueAsync(Terminal terminal, string? value)
    {
        if (value is not (null or "-"))
            return Encoding.UTF8.GetBytes(value);
        if (terminal.IsInputTerminal)
            terminal.Messages.Note("type the value, then Ctrl-D.");
        await using var input = terminal.OpenInput();
        using var read = new MemoryStream();
        var buffer = new byte[64 << 10];
        for (int count; (count = await input.ReadAsync(buffer).ConfigureAwait(false)) > 0;)
        {
            read.Write(buffer, 0, count);
            if (read.Length > MaxValueBytes)
                throw new FailureException($"A value has at most {MaxValueBytes} bytes; standard input has more.");
        }

        return read.ToArray();
    }

    private static string TypeOf(ReadOnlySpan<byte> value) => Utf8.IsValid(value) && !value.Contains((byte)0)
        ? "text/plain; charset=utf-8"
        : "application/octet-stream";

    private static void SetContentType(HttpContentHeaders headers, string type)
    {
        if (!MediaTypeHeaderValue.TryParse(type, out var parsed))
        {
            throw new FailureException(
                $"--content-type must be a media type such as application/json, not '{type}'.", ExitCodes.Usage);
        }

        headers.ContentType = parsed;
    }

    private static void Print(Terminal terminal, string? format, WrittenLine line)
    {
        switch (OutputFormat.For(terminal, format))
        {
            case OutputFormat.Json:
                terminal.Out.WriteLine(JsonSerializer.Serialize(line, VerbJson.Lines.WrittenLine));
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
