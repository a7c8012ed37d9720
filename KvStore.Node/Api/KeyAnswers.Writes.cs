using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>What is answered to a write that was done: its version, and the entry where it is wanted.</summary>
internal sealed partial class KeyAnswers
{
    /// <summary>Answers a write that was done.</summary>
    public async ValueTask WriteAsync(
        HttpContext context, KeyRequest request, WriteOutcome outcome, string? session, ulong clusterId)
    {
        var (result, copies, voters) = outcome switch
        {
            WriteOutcome.Committed done => (done.Result, done.Copies, done.Voters),
            WriteOutcome.Flushed flushed => (Unapplied(flushed.Version), flushed.Copies, flushed.Voters),
            _ => throw new ArgumentException("The write was not done.", nameof(outcome)),
        };
        var response = context.Response;
        SetCommonHeaders(context, session);
        response.Headers[KvHeaders.Role] = "primary";
        response.Headers[KvHeaders.Copies] = CopyCounts.Format(copies, voters);
        SetTiming(response.Headers, request.StartedAt, outcome.Times);
        if (result.IsReplay && request.IdempotencyKey is not null)
            response.Headers[KvHeaders.IdempotencyReplayed] = "true";
        if (request.Verb is Verb.Delete)
        {
            response.Headers[KvHeaders.Version] = Decimal(result.Version.Index.Value);
            SendDeleted(response, request);
        }
        else
        {
            SetVersion(response.Headers, clusterId, result.Version);
            if (result.Entry is { } stored)
                EntryHeaders.SetExpiry(response.Headers, stored);
            SetCreated(response, request, result.Status);
            if (IsEntryWanted(request) && Shown(request, result) is { } entry)
                await SendEntryAsync(context, request, result, entry);
            else
                SendNothing(response, request);
        }

        await response.BodyWriter.FlushAsync(context.RequestAborted);
    }

    private void SetTiming(IHeaderDictionary headers, long startedAt, WriteTimes times)
    {
        if (times.Appended == 0)
            return;
        headers[KvHeaders.ServerTiming] = ServerTiming.Format(
            time.GetElapsedTime(startedAt, times.Appended),
            time.GetElapsedTime(times.Appended, times.Decided),
            times.Flushed == 0 ? null : time.GetElapsedTime(times.Appended, times.Flushed));
    }

    /// <summary>At its own flush the primary cannot know whether the key was there before.</summary>
    private static WriteResult Unapplied(KeyVersion version) => new(WriteStatus.Replaced, version, IsReplay: false);

    /// <summary>
    /// Who stores a value and is not answered with an envelope is told whether the key is new; and so is everybody who
    /// did not name it.
    /// </summary>
    private static void SetCreated(HttpResponse response, KeyRequest request, WriteStatus status)
    {
        if (status is not WriteStatus.Created || !request.IsPut)
            return;
        if (request.Verb is Verb.Post && request.Face is not Face.Raw && !request.IsKeyChosen)
            return;
        response.StatusCode = StatusCodes.Status201Created;
        response.Headers.Location = KeyPath.Write(request.Root, request.Bucket, request.Key.Span);
    }

    private static bool IsEntryWanted(KeyRequest request) => request.Returns switch
    {
        ReturnPreference.Minimal => false,
        ReturnPreference.Representation => true,
        _ => request.Verb is Verb.Patch || (request.Verb is Verb.Post && request.Face is not Face.Raw),
    };

    /// <summary>
    /// The entry that the write stored; null when it is not known any more: others have written since a write that is
    /// replayed now.
    /// </summary>
    private static StoredEntry? Shown(KeyRequest request, WriteResult result)
    {
        if (result.Entry is not null)
            return result.Entry;
        var isKnown = request.Face is not Face.Meta && (request.IsPut || request.Form is BodyForm.Increment);
        return !isKnown ? null : new StoredEntry
        {
            Value = request.Value,
            ContentType = request.ContentType,
            Metadata = request.Metadata,
            Version = result.Version,
            CreatedMs = 0,
            ModifiedMs = 0,
        };
    }

    private ValueTask SendEntryAsync(HttpContext context, KeyRequest request, WriteResult result, StoredEntry entry)
    {
        var response = context.Response;
        if (request.Returns is ReturnPreference.Representation)
            SetApplied(response.Headers, request);
        MetadataFormat.WriteTo(response.Headers, entry.Metadata.Span);
        if (request.Form is BodyForm.Increment && request.Face is not Face.Meta)
            SendNumber(response, request, result);
        else if (request.Face is Face.Raw && request.Verb is not Verb.Patch)
            return RawAnswer.SendAsync(context, entry.Value, entry.ContentType, withBody: true);
        else
            SendJson(response, request, entry, withBody: true);
        return ValueTask.CompletedTask;
    }

    private static void SendNumber(HttpResponse response, KeyRequest request, WriteResult result)
    {
        using var json = EntryWriter.Rent();
        json.WriteNumber(request.Key.Span, result.Number, result.Version.Index.Value);
        Send(response, request.JsonType, json.Written, withBody: true);
    }

    private static void SendNothing(HttpResponse response, KeyRequest request)
    {
        if (request.Returns is ReturnPreference.Minimal)
            SetApplied(response.Headers, request);
        if (response.StatusCode is StatusCodes.Status201Created)
            response.ContentLength = 0;
        else
            response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static void SendDeleted(HttpResponse response, KeyRequest request)
    {
        if (request.Returns is ReturnPreference.Minimal || request.Face is not Face.Json)
        {
            SendNothing(response, request);
            return;
        }

        using var json = EntryWriter.Rent();
        json.WriteDeleted(request.Key.Span);
        Send(response, request.JsonType, json.Written, withBody: true);
    }

    private static void SetApplied(IHeaderDictionary headers, KeyRequest request) =>
        headers[KvHeaders.PreferenceApplied] = ReturnPreferences.Applied(request.Returns);
}
