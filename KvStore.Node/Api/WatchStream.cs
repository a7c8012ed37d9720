using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using KvStore.Contracts;
using KvStore.Node.Watch;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace KvStore.Node.Api;

/// <summary>
/// One stream of server-sent events. It holds no events: what its reader is too slow for stays in the histories as long
/// as they keep it, and then the stream ends.
/// </summary>
internal sealed class WatchStream(
    WatchDispatcher dispatcher,
    Watcher watcher,
    WatchWait wait,
    WatchCall call,
    ulong clusterId,
    TimeSpan longest,
    TimeProvider time)
{
    /// <summary>What is written before the connection is asked whether its reader follows.</summary>
    private const int MaxUnflushedBytes = 64 << 10;

    /// <summary>A stream whose end cannot be told is cut off after this.</summary>
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(2);

    private readonly long _startedAt = time.GetTimestamp();
    private long _wroteAt = time.GetTimestamp();
    private long[] _told = watcher.At;
    private int _unflushed;

    /// <summary>Runs until the reader goes, falls too far behind, or is to come again.</summary>
    public async Task RunAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
            rate.MinDataRate = null;    // who reads slowly is told so, by overflow
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers["X-Accel-Buffering"] = "no";
        using var cut = new CancellationTokenSource(longest + EndPatience, time);
        using var gone = context.RequestAborted.UnsafeRegister(Cancel, cut);
        using var drains = dispatcher.Draining.UnsafeRegister(CancelSoon, cut);
        try
        {
            await RunAsync(context.Response.BodyWriter, cut.Token);
        }
        catch (OperationCanceledException) when (cut.IsCancellationRequested)
        {
            context.Abort();
        }
    }

    private async Task RunAsync(PipeWriter writer, CancellationToken cut)
    {
        Write(writer, "retry: 1000\n\n"u8);
        WriteMark(writer, "progress"u8, "{}"u8);
        while (true)
        {
            var end = await ReadAsync(writer, cut);
            if (end != WatchStep.NoMore || dispatcher.Draining.IsCancellationRequested || Left <= TimeSpan.Zero)
            {
                WriteEnd(writer, end);
                await FlushAsync(writer, cut);
                return;
            }

            if (time.GetElapsedTime(_wroteAt) >= call.Heartbeat)
                Beat(writer);
            await FlushAsync(writer, cut);
            var beat = call.Heartbeat - time.GetElapsedTime(_wroteAt);
            await wait.ForNewsAsync(beat < Left ? beat : Left);
            cut.ThrowIfCancellationRequested();
        }
    }

    private TimeSpan Left => longest - time.GetElapsedTime(_startedAt);

    /// <summary>Writes all that is new; a command's events are written together.</summary>
    private async ValueTask<WatchStep> ReadAsync(PipeWriter writer, CancellationToken cut)
    {
        var reading = new WatchReading(dispatcher, watcher);
        while (true)
        {
            var step = reading.Next();
            if (step != WatchStep.Found)
            {
                reading.Keep();
                return step;
            }

            WriteCommand(writer, reading);
            if (_unflushed >= MaxUnflushedBytes)
                await FlushAsync(writer, cut);
        }
    }

    /// <summary>
    /// The cursor stands with the last event alone: who comes again after any other gets the whole command again.
    /// </summary>
    private void WriteCommand(PipeWriter writer, WatchReading reading)
    {
        var left = reading.Matches;
        foreach (var change in reading.Changes.Changes)
        {
            if (!watcher.Filter.Matches(change))
                continue;
            if (--left == 0)
                WriteCursor(writer, reading.At);
            Write(writer, "event: "u8);
            Write(writer, EntryWriter.NameOf(change.Kind));
            Write(writer, "\n"u8);
            using (var entry = EntryWriter.Rent())
            {
                entry.WriteChange(change, clusterId, withKind: false, call.WithValues);
                WriteData(writer, entry.Written);
            }

            Write(writer, "\n"u8);
        }
    }

    /// <summary>A stored value may have lines; where they end means nothing in JSON.</summary>
    private void WriteData(PipeWriter writer, ReadOnlySpan<byte> json)
    {
        while (true)
        {
            var end = json.IndexOfAny((byte)'\r', (byte)'\n');
            Write(writer, "data: "u8);
            Write(writer, end < 0 ? json : json[..end]);
            Write(writer, "\n"u8);
            if (end < 0)
                return;
            json = json[(end + 1)..];
        }
    }

    private void Beat(PipeWriter writer)
    {
        if (watcher.At.AsSpan().SequenceEqual(_told))
            Write(writer, ": heartbeat\n\n"u8);
        else
            WriteMark(writer, "progress"u8, "{}"u8);
    }

    private void WriteEnd(PipeWriter writer, WatchStep end)
    {
        switch (end)
        {
            case WatchStep.Lost:
                dispatcher.Dropped();
                WriteMark(writer, "overflow"u8, "{}"u8);
                break;
            case WatchStep.BucketGone:
                WriteMark(writer, "end"u8, """{"reason":"bucket-gone"}"""u8);
                break;
            default:
                WriteMark(writer, "progress"u8, "{}"u8);
                WriteMark(
                    writer,
                    "end"u8,
                    dispatcher.Draining.IsCancellationRequested
                        ? """{"reason":"draining"}"""u8
                        : """{"reason":"renew"}"""u8);
                break;
        }
    }

    private void WriteMark(PipeWriter writer, ReadOnlySpan<byte> name, ReadOnlySpan<byte> data)
    {
        WriteCursor(writer, watcher.At);
        _told = watcher.At;
        Write(writer, "event: "u8);
        Write(writer, name);
        Write(writer, "\ndata: "u8);
        Write(writer, data);
        Write(writer, "\n\n"u8);
    }

    private void WriteCursor(PipeWriter writer, ReadOnlySpan<long> at)
    {
        Write(writer, "id: "u8);
        Write(writer, Encoding.ASCII.GetBytes(PositionVector.Format(clusterId, watcher.Filter.Bucket.Value, at)));
        Write(writer, "\n"u8);
    }

    private void Write(PipeWriter writer, ReadOnlySpan<byte> bytes)
    {
        writer.Write(bytes);
        _unflushed += bytes.Length;
    }

    private async ValueTask FlushAsync(PipeWriter writer, CancellationToken cut)
    {
        if (_unflushed == 0)
            return;
        (_unflushed, _wroteAt) = (0, time.GetTimestamp());
        var flushed = await writer.FlushAsync(cut);
        if (flushed.IsCompleted || flushed.IsCanceled)
            throw new IOException("The reader has gone.");
    }

    private static void Cancel(object? source) => ((CancellationTokenSource)source!).Cancel();

    private static void CancelSoon(object? source) => ((CancellationTokenSource)source!).CancelAfter(EndPatience);
}
