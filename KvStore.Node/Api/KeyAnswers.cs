using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>From what a replica said to an HTTP response.</summary>
internal sealed partial class KeyAnswers(INodeStatus node, IPartitions partitions, Problems problems)
{
    private const string Vary = "Accept, Kv-Consistency, Authorization";

    /// <summary>Answers <c>OPTIONS</c>.</summary>
    public static Refusal? Options(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        context.Response.Headers.Allow = RequestReader.Allowed;
        context.Response.Headers[KvHeaders.AcceptPatch] = KvMediaTypes.Patches;
        return null;
    }

    /// <summary>Answers a read from a state.</summary>
    /// <returns>Why it is refused; null when it was answered.</returns>
    public async ValueTask<Refusal?> ReadAsync(
        HttpContext context, KeyRequest request, ReadOutcome.Ready ready, ulong clusterId)
    {
        var found = ready.Image.Find(BucketId.Default, request.Key.Span);
        SetReadHeaders(context.Response.Headers, request, ready);
        if (found is null)
            return Problems.NotFound;
        if (Faces.Settle(request, found.ContentType) is { } unacceptable)
            return unacceptable;
        if (request.IfMatch is { } match && !match.IsMetBy(clusterId, found.Version))
            return Problems.PreconditionFailed(clusterId, found.Version);
        var response = context.Response;
        SetVersion(response.Headers, clusterId, found.Version);
        EntryHeaders.Set(response.Headers, found);
        if (request.IfNoneMatch is { } noneMatch && noneMatch.IsMetBy(clusterId, found.Version))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return null;
        }

        if (request.Face is Face.Raw)
            return await RawAnswer.SendAsync(context, request, found.Value, found.ContentType);
        SendJson(response, request, found, withBody: request.Verb is Verb.Get);
        await response.BodyWriter.FlushAsync(context.RequestAborted);
        return null;
    }

    /// <summary>Writes an entry as JSON, with its value or without.</summary>
    private void SendJson(HttpResponse response, KeyRequest request, StoredEntry entry, bool withBody)
    {
        if (request.Face is Face.Meta)
        {
            var meta = JsonSerializer.SerializeToUtf8Bytes(
                MetaOf(request, entry, response.Headers.ETag.ToString()), ContractsJson.Default.EntryMetaResponse);
            Send(response, MediaTypes.Json, meta, withBody);
            return;
        }

        using var json = EntryWriter.Rent();
        json.WriteEntry(request.Key.Span, entry.Value.Span, entry.ContentType, entry.Version.Index.Value);
        Send(response, request.JsonType, json.Written, withBody);
    }

    private EntryMetaResponse MetaOf(KeyRequest request, StoredEntry entry, string etag) => new()
    {
        Key = Encoding.UTF8.GetString(request.Key.Span),
        Bucket = request.Bucket,
        Version = entry.Version.Index.Value,
        Etag = etag,
        Size = entry.Value.Length,
        ContentType = entry.ContentType,
        Created = EntryHeaders.Instant(entry.CreatedMs),
        Modified = EntryHeaders.Instant(entry.ModifiedMs),
        Expires = entry.ExpiresMs == 0 ? null : EntryHeaders.Instant(entry.ExpiresMs),
        Owner = OwnerOf(request.Key.Span),
    };

    private string? OwnerOf(ReadOnlySpan<byte> key)
    {
        if (partitions.View is not { } view)
            return null;
        var primary = partitions.PrimaryOf(view.Ring.PartitionOf(key)).Primary;
        foreach (var member in view.Members)
        {
            if (member.Id == primary)
                return member.Name;
        }

        return null;
    }

    private static void Send(HttpResponse response, string type, ReadOnlySpan<byte> body, bool withBody)
    {
        response.ContentType = type;
        response.ContentLength = body.Length;
        if (withBody)
            response.BodyWriter.Write(body);
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

    private static string Decimal(long number) => number.ToString(CultureInfo.InvariantCulture);
}
