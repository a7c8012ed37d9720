using System.Net.Http.Headers;
using KvStore.Cli.Server;
using KvStore.Contracts;

namespace KvStore.Cli.Verbs;

/// <summary>
/// Sends one import part by part, the next when the last was answered; a part that gets no answer is sent again, which
/// stores the same once more, or finds there what it stored before.
/// </summary>
internal sealed class Importer(Terminal terminal, KvServer server, string target) : IDisposable
{
    private const int PartBytes = 4 << 20;
    private const int PartLines = 10_000;

    private readonly Perseverance _perseverance = new(terminal);
    private readonly MemoryStream _part = new();
    private long _line;
    private long _sent;
    private long _entries;
    private bool _mayBeStored;    // something of the part, by an attempt before

    /// <summary>What came of all parts so far.</summary>
    public ImportResponse Sum { get; private set; } = new()
    {
        Lines = 0,
        Applied = 0,
        Existing = 0,
        Expired = 0,
        Refused = 0,
        Refusals = [],
        End = false,
    };

    /// <summary>
    /// Of those that were there, the most that this import itself may have stored: those in parts that were sent again.
    /// </summary>
    public long Repeated { get; private set; }

    /// <inheritdoc/>
    public void Dispose() => _part.Dispose();

    /// <summary>Sends all lines.</summary>
    /// <exception cref="FailureException">Some cannot be stored; the message says which lines are.</exception>
    public async Task RunAsync(Stream input)
    {
        await foreach (var line in ExportLines.ReadAsync(input).ConfigureAwait(false))
        {
            _line++;
            await _part.WriteAsync(line).ConfigureAwait(false);
            await TakeAsync(line).ConfigureAwait(false);
            if (_part.Length >= PartBytes || _line - _sent >= PartLines)
                await SendAsync().ConfigureAwait(false);
        }

        await SendAsync().ConfigureAwait(false);
    }

    /// <summary>Counts entries, since no server sees them all: it is sent parts.</summary>
    private async Task TakeAsync(byte[] line)
    {
        switch (ExportLines.NameIn(line))
        {
            case ExportLines.End:
                var (entries, said) = (_entries, ExportLines.Read(line, ContractsJson.Default.KeyListEnd).Count);
                _part.SetLength(_part.Length - line.Length);
                _part.WriteByte((byte)'\n');    // each line keeps its number
                (_entries, Sum) = (0, Sum with { End = true });
                if (entries == said)
                    break;
                await SendAsync().ConfigureAwait(false);
                throw new FailureException(
                    $"Line {_line} says that {said} entries were exported, and {entries} came: the export is not "
                    + "whole. What came is stored.");
            case ExportLines.Cursor or "":
                break;
            default:
                _entries++;
                Sum = Sum with { End = false };
                break;
        }
    }

    private async Task SendAsync()
    {
        while (_line > _sent)
        {
            try
            {
                Add(await SendOnceAsync().ConfigureAwait(false));
                _perseverance.Done(Sum.Applied + Sum.Existing);
                (_sent, _mayBeStored, Sum) = (_line, false, Sum with { Lines = _line });
                _part.SetLength(0);
            }
            catch (FailureException failure)
            {
                if (!await _perseverance.GoesOnAfterAsync(failure).ConfigureAwait(false))
                {
                    throw _sent == 0
                        ? failure
                        : new FailureException(
                            $"{failure.Message} {_sent} lines were done before these.", failure.ExitCode, failure);
                }

                _mayBeStored |= failure.Applied is not Applied.No;
            }
        }
    }

    private async Task<ImportResponse> SendOnceAsync()
    {
        var request = server.For(HttpMethod.Post, $"{target}&first_line={_sent + 1}");
        request.Content = new ByteArrayContent(_part.GetBuffer(), 0, (int)_part.Length);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(KvMediaTypes.Lines);
        using var answer = await server.AskAsync(request).ConfigureAwait(false);
        var said = await answer.Content.ReadAsByteArrayAsync().ConfigureAwait(false);
        return ExportLines.Read(said, ContractsJson.Default.ImportResponse);
    }

    private void Add(ImportResponse part)
    {
        foreach (var refusal in part.Refusals)
            terminal.Messages.Note(refusal);
        if (part.Refused > part.Refusals.Length)
            terminal.Messages.Note($"and {part.Refused - part.Refusals.Length} more near these");
        Repeated += _mayBeStored ? part.Existing : 0;
        Sum = Sum with
        {
            Applied = Sum.Applied + part.Applied,
            Existing = Sum.Existing + part.Existing,
            Expired = Sum.Expired + part.Expired,
            Refused = Sum.Refused + part.Refused,
        };
    }
}
