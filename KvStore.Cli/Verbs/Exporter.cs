using KvStore.Cli.Server;
using KvStore.Client.Transport;
using KvStore.Contracts;

namespace KvStore.Cli.Verbs;

/// <summary>
/// Reads one export to its end, over as many connections as that takes. It writes page by page, so that what is written
/// ends at a cursor at any moment; where none leads on any more it begins anew, if what was written can be taken back.
/// </summary>
/// <param name="terminal">Told of what takes long.</param>
/// <param name="server">Asked.</param>
/// <param name="target">The path and query of the export.</param>
/// <param name="sink">Where to.</param>
/// <param name="isFile">Whether what was written can be taken back.</param>
internal sealed class Exporter(Terminal terminal, KvServer server, string target, Stream sink, bool isFile)
{
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(60);

    private readonly Perseverance _perseverance = new(terminal);
    private string? _cursor;
    private long _count;

    /// <summary>Reads all.</summary>
    /// <returns>How many entries there are.</returns>
    /// <exception cref="FailureException">It cannot be read; what was written is not whole.</exception>
    public async Task<long> RunAsync()
    {
        while (true)
        {
            try
            {
                if (await ReadAsync().ConfigureAwait(false))
                    return _count;
                throw new HttpIOException(HttpRequestError.ResponseEnded, "The answer ended before its last line.");
            }
            catch (FailureException gone) when (gone.Code == ProblemType.CursorCompacted.Code)
            {
                BeginAnew(gone);
            }
            catch (Exception lost) when (lost is IOException or HttpRequestException or FailureException)
            {
                if (lost is FileFailure { InnerException: var cause })
                    throw new FailureException($"The export cannot be written: {cause!.Message}", inner: cause);
                if (!await _perseverance.GoesOnAfterAsync(lost).ConfigureAwait(false))
                {
                    throw lost as FailureException
                        ?? new FailureException($"The export broke off: {lost.Message}", ExitCodes.Unavailable, lost);
                }
            }
        }
    }

    private void BeginAnew(FailureException gone)
    {
        if (_cursor is null)
            throw gone;
        if (!isFile)
            throw new FailureException($"What was printed is not whole. {gone.Message}", gone.ExitCode, gone);
        sink.SetLength(0);
        terminal.Messages.Note("what was read is not held any longer; the export begins anew");
        (_cursor, _count) = (null, 0);
    }

    /// <returns>Whether the last line came.</returns>
    private async Task<bool> ReadAsync()
    {
        var rest = _cursor is null ? "" : $"&cursor={Uri.EscapeDataString(_cursor)}";
        var request = server.For(HttpMethod.Get, target + rest);
        request.Headers.Accept.ParseAdd(KvMediaTypes.Lines);
        using var answer = await server.OpenAsync(request).ConfigureAwait(false);
        if (answer.Content.Headers.ContentType?.MediaType != KvMediaTypes.Lines)
            throw new FailureException("The answer is not an export of a KvStore.");
        var content = await answer.Content.ReadAsStreamAsync().ConfigureAwait(false);
        await using var stream = new LiveStream(content, Silence, terminal.Time);
        using var page = new MemoryStream();
        var entries = 0L;
        await foreach (var line in ExportLines.ReadAsync(stream).ConfigureAwait(false))
        {
            if (line[^1] != '\n')
                return false;
            var name = ExportLines.NameIn(line);
            if (name is ExportLines.Cursor)
            {
                var mark = ExportLines.Read(line, ContractsJson.Default.ExportCursor);
                await KeepAsync(page, entries, mark.Count).ConfigureAwait(false);
                (_cursor, entries) = (mark.Cursor, 0);
                continue;
            }

            await page.WriteAsync(line).ConfigureAwait(false);
            if (name is ExportLines.End)
            {
                var end = ExportLines.Read(line, ContractsJson.Default.KeyListEnd);
                await KeepAsync(page, entries, end.Count).ConfigureAwait(false);
                return true;
            }

            entries++;
        }

        return false;
    }

    private async Task KeepAsync(MemoryStream page, long entries, long count)
    {
        if (_count + entries != count)
            throw new FailureException($"{_count + entries} entries came where the server says {count}.");
        try
        {
            await sink.WriteAsync(page.GetBuffer().AsMemory(0, (int)page.Length)).ConfigureAwait(false);
            await sink.FlushAsync().ConfigureAwait(false);
        }
        catch (IOException failure)
        {
            throw new FileFailure(failure);
        }

        page.SetLength(0);
        _count = count;
        _perseverance.Done(_count);
    }

    /// <summary>Not the connection's failure: no other attempt helps.</summary>
    private sealed class FileFailure(IOException cause) : IOException(cause.Message, cause);
}
