using System.Buffers;
using System.Globalization;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>From what a replica said to an HTTP response.</summary>
internal sealed class KeyAnswers(INodeStatus node, Problems problems)
{
    private const string Vary = "Accept, Kv-Consistency, Authorization";

    /// <summary>Answers <c>OPTIONS</c>.</summary>
    public static Refusal? Options(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        context.Response.Headers.Allow = RequestReader.Allowed;
        return null;
    }

    /// <summary>Answers a read from a state.</summary>
    /// <returns>Why it is refused; null when it was answered.</returns>
    public async ValueTask<Refusal?> ReadAsync(
        HttpContext context, KeyRequest request, ReadOutcome.Ready ready, ulong clusterId)
    {
        var found = ready.Image.Find(request.BucketId, request.Key.Span);
        SetReadHeaders(context.Response.Headers, request, ready);
        if (found is null)
            return Problems.NotFound;
        if (request.IfMatch is { } match && !match.IsMetBy(clusterId, found.Version))
            return Problems.PreconditionFailed(clusterId, found.Version);
        var response = context.Response;
        SetVersion(response.Headers, clusterId, found.Version);
        response.Headers.LastModified = HttpDate(found.ModifiedMs);
        if (request.IfNoneMatch is { } noneMatch && noneMatch.IsMetBy(clusterId, found.Version))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return null;
        }

        using (var entry = EntryWriter.Rent())
        {
            entry.WriteEntry(request.Key.Span, found.Value.Span, found.ContentType, found.Version.Index.Value);
            SendJson(response, entry, withBody: request.Verb is Verb.Get);
        }

        await response.BodyWriter.FlushAsync(context.RequestAborted);
        return null;
    }

    /// <summary>Answers a write that was done.</summary>
    public async ValueTask WriteAsync(HttpContext context, KeyRequest request, WriteOutcome outcome, ulong clusterId)
    {
        var (result, copies, voters) = outcome switch
        {
            WriteOutcome.Committed done => (done.Result, done.Copies, done.Voters),
            WriteOutcome.Flushed flushed => (Unapplied(flushed.Version), flushed.Copies, flushed.Voters),
            _ => throw new ArgumentException("The write was not done.", nameof(outcome)),
        };
        var response = context.Response;
        SetCommonHeaders(response.Headers, isPrimary: true);
        response.Headers[KvHeaders.Copies] = CopyCounts.Format(copies, voters);
        if (result.IsReplay && request.IdempotencyKey is not null)
            response.Headers[KvHeaders.IdempotencyReplayed] = "true";
        if (request.Verb is Verb.Delete)
            response.Headers[KvHeaders.Version] = Decimal(result.Version.Index.Value);
        else
            SetVersion(response.Headers, clusterId, result.Version);
        if (request.Verb is Verb.Put)
            SetPutStatus(response, request, result.Status);
        else
            await SendWrittenAsync(context, request, result.Version);
    }

    /// <summary>At its own flush the primary cannot know whether the key was there before.</summary>
    private static WriteResult Unapplied(KeyVersion version) => new(WriteStatus.Replaced, version, IsReplay: false);

    private static void SetPutStatus(HttpResponse response, KeyRequest request, WriteStatus status)
    {
        response.StatusCode = status is WriteStatus.Created
            ? StatusCodes.Status201Created
            : StatusCodes.Status204NoContent;
        if (status is not WriteStatus.Created)
            return;
        response.Headers.Location = KeyPath.Write(request.Root, request.Bucket, request.Key.Span);
        response.ContentLength = 0;
    }

    private static async ValueTask SendWrittenAsync(HttpContext context, KeyRequest request, KeyVersion version)
    {
        using (var entry = EntryWriter.Rent())
        {
            if (request.Verb is Verb.Delete)
                entry.WriteDeleted(request.Key.Span);
            else
                entry.WriteEntry(request.Key.Span, request.Value.Span, request.ContentType, version.Index.Value);
            SendJson(context.Response, entry, withBody: true);
        }

        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
    }

    private static void SendJson(HttpResponse response, EntryWriter entry, bool withBody)
    {
        response.ContentType = MediaTypes.Json;
        response.ContentLength = entry.Written.Length;
        if (withBody)
            response.BodyWriter.Write(entry.Written);
    }

    private void SetReadHeaders(IHeaderDictionary headers, KeyRequest request, ReadOutcome.Ready ready)
    {
        SetCommonHeaders(headers, ready.IsPrimary);
        headers.CacheControl = request.CacheControl;
        headers.Vary = Vary;
        headers[KvHeaders.Consistency] = request.IsEventual ? "eventual" : "strong";
        if (request.IsEventual)
            headers[KvHeaders.StalenessMs] = Decimal((long)Math.Ceiling(ready.Staleness.TotalMilliseconds));
    }

    private void SetCommonHeaders(IHeaderDictionary headers, bool isPrimary)
    {
        headers[KvHeaders.ServedBy] = node.Name;
        headers[KvHeaders.Role] = isPrimary ? "primary" : "backup";
        headers[KvHeaders.RequestId] = problems.TraceId();
    }

    private static void SetVersion(IHeaderDictionary headers, ulong clusterId, KeyVersion version)
    {
        headers.ETag = Etags.Format(clusterId, version);
        headers[KvHeaders.Version] = Decimal(version.Index.Value);
    }

    private static string HttpDate(long milliseconds) =>
        DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).ToString("R", CultureInfo.InvariantCulture);

    private static string Decimal(long number) => number.ToString(CultureInfo.InvariantCulture);
}
