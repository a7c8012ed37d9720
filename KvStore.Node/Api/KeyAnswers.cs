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
internal sealed partial class KeyAnswers(IPartitions partitions, Problems problems, TimeProvider time)
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
    /// <param name="context">The request.</param>
    /// <param name="request">What it asks for.</param>
    /// <param name="ready">The state.</param>
    /// <param name="level">What the read really was.</param>
    /// <param name="session">What its session has seen with this; null when it has none.</param>
    /// <param name="clusterId">For the entity tags.</param>
    /// <returns>Why it is refused; null when it was answered.</returns>
    public async ValueTask<Refusal?> ReadAsync(
        HttpContext context,
        KeyRequest request,
        ReadOutcome.Ready ready,
        Consistency level,
        string? session,
        ulong clusterId)
    {
        var found = ready.Image.Find(request.BucketId, request.Key.Span);
        ReadFacts facts = new(level, ready.IsPrimary, ready.Staleness);
        if (found is null)
            return Problems.NotFound with { Read = facts, Session = session };
        if (Faces.Settle(request, found.ContentType) is { } unacceptable)
            return unacceptable;
        if (request.IfMatch is { } match && !match.IsMetBy(clusterId, found.Version))
            return Problems.PreconditionFailed(clusterId, found.Version) with { Read = facts, Session = session };
        var response = context.Response;
        SetCommonHeaders(context, session);
        SetReadHeaders(response.Headers, request, facts);
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

    private static void SetReadHeaders(IHeaderDictionary headers, KeyRequest request, ReadFacts facts)
    {
        headers.CacheControl = request.CacheControl;
        headers.Vary = Vary;
        facts.WriteTo(headers);
    }

    private void SetCommonHeaders(HttpContext context, string? session)
    {
        problems.Sign(context);
        if (session is not null)
            context.Response.Headers[KvHeaders.Session] = session;
    }

    private static void SetVersion(IHeaderDictionary headers, ulong clusterId, KeyVersion version)
    {
        headers.ETag = Etags.Format(clusterId, version);
        headers[KvHeaders.Version] = Decimal(version.Index.Value);
    }

    private static string Decimal(long number) => number.ToString(CultureInfo.InvariantCulture);
}
