using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>Lists: page by page, or as a stream of lines.</summary>
internal sealed partial class KeysApi
{
    private async ValueTask<Refusal?> ListAsync(
        HttpContext context, KeysCall call, BucketId bucket, ulong clusterId, CancellationToken deadline)
    {
        var limit = call.Limit ?? (call.IsStreamed ? KeysCall.MaxLimit : KeysCall.DefaultLimit);
        var query = call.ToQuery(limit);
        var outcome = call.Cursor is { } cursor
            ? await snapshots.NextAsync(cursor.Snapshot, query, PinFate.Read, deadline)
            : await snapshots.OpenAsync(bucket, query, call.IsCounted, deadline, isRenewed: call.IsStreamed);
        if (outcome is not PageOutcome.Page page)
            return Problems.From(outcome);
        page = page with { Count = page.Count ?? call.Cursor?.Count };
        long[] positions = [.. page.Positions.Select(position => position.Value)];
        var snapshot = PositionVector.Format(clusterId, bucket.Value, positions);
        var writer = new KeysWriter(clusterId, call.Values, call.IsExport);
        context.Response.Headers.Vary = Vary;
        context.Response.Headers[KvHeaders.Consistency] = "strong";
        if (call.IsStreamed)
        {
            await StreamAsync(context, call, page, snapshot, writer);
            return null;
        }

        var next = CursorTo(call, page, page.Count);
        if (next is not null)
            context.Response.Headers.Link = $"<{TargetOf(call.RawTarget, next)}>; rel=\"next\"";
        await answers.SendAsync(context, writer.Page(page, next, snapshot));
        return null;
    }

    /// <param name="call">What was asked for.</param>
    /// <param name="page">What was given of it.</param>
    /// <param name="count">What the cursor keeps: how many keys there are, of an export how many were given.</param>
    private static string? CursorTo(KeysCall call, PageOutcome.Page page, long? count) => page.Next is { } next
        ? new ListCursor(page.Snapshot, call.Print(), count, next.Position).Format()
        : null;

    /// <summary>The request as it came, but from the cursor on.</summary>
    private static string TargetOf(string rawTarget, string cursor)
    {
        var mark = rawTarget.IndexOf('?');
        var path = mark < 0 ? rawTarget : rawTarget[..mark];
        var kept = mark < 0
            ? []
            : rawTarget[(mark + 1)..].Split('&').Where(pair => Uri.UnescapeDataString(pair.Split('=')[0]) != "cursor");
        return $"{path}?{string.Join('&', kept.Append($"cursor={cursor}"))}";
    }

    /// <summary>
    /// One page after the other, each let go of before the next is asked for. What cannot go on ends without the last
    /// line, by a cut connection. What an export reads stays pinned, also to its end: any cursor of it goes on in it.
    /// </summary>
    private async ValueTask StreamAsync(
        HttpContext context, KeysCall call, PageOutcome.Page page, string snapshot, KeysWriter writer)
    {
        answers.Begin(context);
        context.Response.ContentType = KvMediaTypes.Lines;
        if (HttpMethods.IsHead(context.Request.Method))
        {
            if (call.Cursor is null)    // else whoever asks with it goes on in it
                Release(page);
            return;
        }

        try
        {
            for (var lines = call.IsExport ? call.Cursor?.Count ?? 0 : 0; ;)
            {
                lines += page.Items.Length;
                var isEnd = page.Next is null || call.Limit <= lines;
                await WriteAsync(context, writer.Lines(page.Items));
                if (isEnd)
                    await WriteAsync(context, [LineOf(EndOf(lines), ContractsJson.Default.KeyListEnd)]);
                else if (call.IsExport)
                    await WriteAsync(context, [LineOf(MarkOf(lines), ContractsJson.Default.ExportCursor)]);
                await context.Response.Body.FlushAsync(context.RequestAborted);
                if (isEnd)
                    return;
                var left = (call.Limit ?? long.MaxValue) - lines;
                var query = page.Next! with { Limit = (int)Math.Min(KeysCall.MaxLimit, left) };
                var fate = call.IsExport ? PinFate.Read : PinFate.Released;
                var outcome = await shell.WithinAsync(
                    context, call.Timeout, deadline => snapshots.NextAsync(page.Snapshot, query, fate, deadline));
                if (outcome is not PageOutcome.Page next || (call.IsExport && node.IsStopping))
                {
                    GiveUp();
                    context.Abort();
                    return;
                }

                page = next with { Count = page.Count };
            }
        }
        catch
        {
            GiveUp();
            throw;
        }

        KeyListEnd EndOf(long lines) => new(End: true, lines, snapshot, CursorTo(call, page, page.Count));
        ExportCursor MarkOf(long lines) => new(CursorTo(call, page, lines)!, lines);

        void GiveUp()
        {
            if (!call.IsExport)
                Release(page);
        }
    }

    private void Release(PageOutcome.Page page)
    {
        if (page.Next is not null)
            snapshots.Release(page.Snapshot);
    }

    private static async ValueTask WriteAsync(HttpContext context, IEnumerable<ReadOnlyMemory<byte>> pieces)
    {
        foreach (var piece in pieces)
            await context.Response.Body.WriteAsync(piece, context.RequestAborted);
    }

    private static byte[] LineOf<T>(T last, JsonTypeInfo<T> type) =>
        [.. JsonSerializer.SerializeToUtf8Bytes(last, type), (byte)'\n'];
}
