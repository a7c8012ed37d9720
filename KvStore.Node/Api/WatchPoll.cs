using System.Buffers;
using System.Text;
using KvStore.Contracts;
using KvStore.Node.Watch;

namespace KvStore.Node.Api;

/// <summary>One answer with the events behind a cursor: at once where there are some, else when some come.</summary>
internal sealed class WatchPoll(
    WatchDispatcher dispatcher,
    Watcher watcher,
    WatchWait wait,
    WatchCall call,
    ulong clusterId,
    TimeProvider time)
{
    /// <summary>No further command is taken in when the answer has so many bytes.</summary>
    private const int EnoughBytes = 512 << 10;

    private readonly long _startedAt = time.GetTimestamp();
    private readonly TimeSpan _longest = WaitReader.WithJitter(call.Wait);

    /// <summary>Answers.</summary>
    /// <returns>Why there is no answer; null when there was one.</returns>
    public async ValueTask<Refusal?> AnswerAsync(HttpContext context)
    {
        var events = new ArrayBufferWriter<byte>(256);
        while (true)
        {
            var end = Read(events);
            var left = _longest - time.GetElapsedTime(_startedAt);
            if (events.WrittenCount == 0 && end == WatchStep.NoMore && left > TimeSpan.Zero && !wait.IsOver)
            {
                await wait.ForNewsAsync(left);
                context.RequestAborted.ThrowIfCancellationRequested();
                continue;
            }

            if (events.WrittenCount == 0 && Refuse(end) is { } refusal)
                return refusal;
            await SendAsync(context, events);
            return null;
        }
    }

    private static Refusal? Refuse(WatchStep end) => end switch
    {
        WatchStep.BucketGone => Problems.BucketNotFound,
        WatchStep.Lost => new Refusal(
            ProblemType.CursorCompacted,
            "Not all that happened after the cursor is kept here any more: list the keys, and watch from there."),
        _ => null,
    };

    private WatchStep Read(ArrayBufferWriter<byte> events)
    {
        var reading = new WatchReading(dispatcher, watcher);
        var step = WatchStep.Found;
        while (step == WatchStep.Found && events.WrittenCount < EnoughBytes)
        {
            step = reading.Next();
            if (step == WatchStep.Found)
                Write(events, reading);
        }

        reading.Keep();
        return step;
    }

    private void Write(ArrayBufferWriter<byte> events, WatchReading reading)
    {
        foreach (var change in reading.Changes.Changes)
        {
            if (!watcher.Filter.Matches(change))
                continue;
            if (events.WrittenCount > 0)
                events.Write(","u8);
            using var entry = EntryWriter.Rent();
            entry.WriteChange(change, clusterId, withKind: true, call.WithValues);
            events.Write(entry.Written);
        }
    }

    private async Task SendAsync(HttpContext context, ArrayBufferWriter<byte> events)
    {
        var cursor = PositionVector.Format(clusterId, watcher.Filter.Bucket.Value, watcher.At);
        var (head, tail) = ("{\"events\":["u8.ToArray(), Encoding.ASCII.GetBytes($"],\"cursor\":\"{cursor}\"}}"));
        var response = context.Response;
        response.ContentType = MediaTypes.Json;
        response.ContentLength = head.Length + events.WrittenCount + tail.Length;
        if (call.Wait > TimeSpan.Zero)
            response.Headers[KvHeaders.PreferenceApplied] = $"wait={(int)call.Wait.TotalSeconds}";
        response.BodyWriter.Write(head);
        response.BodyWriter.Write(events.WrittenSpan);
        response.BodyWriter.Write(tail);
        await response.BodyWriter.FlushAsync(context.RequestAborted);
    }
}
