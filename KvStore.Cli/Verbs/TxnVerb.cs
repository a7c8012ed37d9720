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
        var server = ServerOption.Build(terminal);
        return new Command("txn", "Compare, and change all or nothing; exit code 4 when a comparison did not hold.")
        {
            file, bucket, server,
        }.Does(terminal, async parsed =>
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
            await terminal.OutBytes.WriteAsync(said).ConfigureAwait(false);
            await terminal.Out.WriteLineAsync().ConfigureAwait(false);
            return HasSucceeded(said) ? ExitCodes.Ok : ExitCodes.Precondition;
        });
    }

    private static bool HasSucceeded(byte[] said)
    {
        try
        {
            using var document = JsonDocument.Parse(said);
            return document.RootElement.GetProperty("succeeded").GetBoolean();
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new FailureException("The answer is not that of a transaction of a KvStore.", inner: failure);
        }
    }

    private static async Task<byte[]> ReadAsync(Terminal terminal, string file)
    {
        try
        {
            if (file is "-" && terminal.IsInputTerminal)
                await terminal.Error.WriteLineAsync("kv: type the transaction, then Ctrl-D.").ConfigureAwait(false);
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
