using System.CommandLine;
using System.Net.Http.Headers;
using System.Text.Json;
using KvStore.Cli.Server;
using KvStore.Contracts;

namespace KvStore.Cli.Verbs;

/// <summary><c>kv txn</c>.</summary>
internal static class TxnVerb
{
    private const int MaxBytes = 4 << 20;

    public static Command Build(Terminal terminal)
    {
        var file = new Argument<string>("FILE")
        {
            Description = "JSON with \"if\", \"then\" and \"else\"; absent or -: standard input.",
            DefaultValueFactory = _ => "-",
        };
        var bucket = BucketOption.Build();
        var output = OutputFormat.Option(
            "How to print what came of it: json (default) as the server says it; table; raw: true or false.");
        var server = ServerOption.Build(terminal);
        return new Command("txn", "Compare, and change all or nothing; exit code 4 when a comparison did not hold.")
        {
            file, bucket, output, server,
        }.Does(async parsed =>
        {
            var body = await ReadAsync(terminal, parsed.GetRequiredValue(file)).ConfigureAwait(false);
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            var target = Routes.Transaction.Replace(
                "{bucket}", parsed.GetRequiredValue(bucket), StringComparison.Ordinal);
            var request = KvServer.Named(connection.For(HttpMethod.Post, target));
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var answer = await connection.AskAsync(request).ConfigureAwait(false);
            var said = await answer.Content.ReadAsByteArrayAsync().ConfigureAwait(false);
            var hasSucceeded = await PrintAsync(terminal, parsed.GetValue(output), said).ConfigureAwait(false);
            return hasSucceeded ? ExitCodes.Ok : ExitCodes.Precondition;
        });
    }

    /// <returns>Whether the comparisons held.</returns>
    private static async Task<bool> PrintAsync(Terminal terminal, string? format, byte[] said)
    {
        var answer = Read(said);
        switch (format)
        {
            case OutputFormat.Table:
                Tables.Print(terminal, answer);
                break;
            case OutputFormat.Raw:
                await terminal.Out.WriteLineAsync(answer.Succeeded ? "true" : "false").ConfigureAwait(false);
                break;
            default:
                await terminal.OutBytes.WriteAsync(said).ConfigureAwait(false);
                await terminal.Out.WriteLineAsync().ConfigureAwait(false);
                break;
        }

        return answer.Succeeded;
    }

    private static TransactionResponse Read(byte[] said)
    {
        try
        {
            return JsonSerializer.Deserialize(said, ContractsJson.Default.TransactionResponse)
                ?? throw new JsonException();
        }
        catch (JsonException failure)
        {
            throw new FailureException("The answer is not that of a transaction of a KvStore.", inner: failure);
        }
    }

    private static async Task<byte[]> ReadAsync(Terminal terminal, string file)
    {
        try
        {
            if (file is "-" && terminal.IsInputTerminal)
                terminal.Messages.Note("type the transaction, then Ctrl-D.");
            await using var input = file is "-" ? terminal.OpenInput() : File.OpenRead(file);
            using var read = new MemoryStream();
            var buffer = new byte[64 << 10];
            for (int count; (count = await input.ReadAsync(buffer).ConfigureAwait(false)) > 0;)
            {
                read.Write(buffer, 0, count);
                if (read.Length > MaxBytes)
                    throw new FailureException($"A transaction has at most {MaxBytes} bytes; {file} has more.");
            }

            return read.ToArray();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"{file} cannot be read: {failure.Message}", ExitCodes.Usage, failure);
        }
    }
}
