using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Verification;

namespace KvStore.Cli.Chaos.Load;

/// <summary>One request of an operation, and what its answer says.</summary>
/// <param name="Result">One of three outcomes; a read that failed is rejected, as it changed nothing.</param>
/// <param name="Status">The code of the answer; 0 when there was none.</param>
/// <param name="Value">That was read.</param>
/// <param name="Found">Whether the key was there, if the answer says so.</param>
/// <param name="Etag">That was written, read, or found instead.</param>
internal sealed record Attempt(
    OperationResult Result, int Status, string? Value = null, bool? Found = null, string? Etag = null)
{
    /// <summary>Of a transaction that was carried out: whether all that it compares held.</summary>
    public bool? Succeeded { get; init; }

    /// <summary>What was done then, with what was told of it.</summary>
    public IReadOnlyList<OperationStep>? Steps { get; init; }

    /// <summary>The version that was told last.</summary>
    public string? LatestEtag => Etag ?? Steps?.LastOrDefault(step => step.Etag is not null)?.Etag;

    /// <summary>Sends an operation through a door, and waits for the answer.</summary>
    public static async Task<Attempt> SendAsync(
        HttpClient http, Door door, HistoryOperation operation, string? requestId, TimeSpan deadline)
    {
        using var request = RequestOf(door, operation, requestId, deadline);
        try
        {
            using var answer = await http.SendAsync(request).ConfigureAwait(false);
            var body = await answer.Content.ReadAsByteArrayAsync().ConfigureAwait(false);
            return Read(operation, answer, body);
        }
        catch (Exception failure) when (failure is HttpRequestException or SocketException or IOException
            or OperationCanceledException)
        {
            var hasLeft = request.Content is WrittenContent { HasLeft: true };
            return new Attempt(hasLeft ? OperationResult.Unknown : OperationResult.Rejected, 0);
        }
    }

    private static HttpRequestMessage RequestOf(
        Door door, HistoryOperation operation, string? requestId, TimeSpan deadline)
    {
        var (method, content) = operation.Op switch
        {
            OperationKind.Put => (HttpMethod.Put, new WrittenContent(operation.Value)),
            OperationKind.Delete => (HttpMethod.Delete, new WrittenContent(null)),
            OperationKind.Increment => (HttpMethod.Patch, TransactionForm.IncrementBody(operation)),
            OperationKind.Txn => (HttpMethod.Post, TransactionForm.BodyOf(operation)),
            _ => (HttpMethod.Get, null),
        };
        var target = operation.Op == OperationKind.Txn ? TransactionForm.Target : $"{Routes.Keys}{operation.Key}";
        var request = new HttpRequestMessage(method, $"{door.Url}{target}") { Content = content };
        request.Headers.Add(KvHeaders.Timeout, KvTimeout.Format(deadline));
        if (operation.Op == OperationKind.GetEventual)
            request.Headers.Add(KvHeaders.Consistency, "eventual");
        if (requestId is not null)
            request.Headers.Add(KvHeaders.IdempotencyKey, requestId);
        if (operation.IfMatch is { } match)
            request.Headers.TryAddWithoutValidation("If-Match", match);
        if (operation.IfNone is { } none)
            request.Headers.TryAddWithoutValidation("If-None-Match", none);
        return request;
    }

    private static Attempt Read(HistoryOperation operation, HttpResponseMessage answer, byte[] body)
    {
        var status = (int)answer.StatusCode;
        var etag = answer.Headers.ETag?.ToString();
        if (!answer.IsSuccessStatusCode)
            return Refused(operation, status, ProblemOf(answer, body));
        if (operation.Op == OperationKind.Txn)
            return TransactionForm.Read(operation, body);
        if (operation.Op is OperationKind.Put or OperationKind.Delete)
        {
            var existed = operation.Op == OperationKind.Delete || answer.StatusCode != HttpStatusCode.Created;
            return new Attempt(OperationResult.Ok, status, Found: existed, Etag: etag);
        }

        var entry = JsonSerializer.Deserialize(body, ContractsJson.Default.EntryResponse)
            ?? throw new UnreachableException("A value came without an entry.");
        bool? found = operation.Op == OperationKind.Increment ? null : true;
        return new Attempt(OperationResult.Ok, status, TransactionForm.TextOf(entry.Value), found, etag);
    }

    /// <summary>What says nothing of its outcome leaves it unknown.</summary>
    private static Attempt Refused(HistoryOperation operation, int status, Problem? problem)
    {
        if (problem?.Code == ProblemType.NotFound.Code)
        {
            return operation.IsConditional
                ? new Attempt(OperationResult.Fail, status, Found: false)
                : new Attempt(OperationResult.Ok, status, Found: false);
        }

        if (problem?.Code == ProblemType.PreconditionFailed.Code)
        {
            var found = problem.Failed is [var first, ..] ? first.CurrentEtag : problem.CurrentEtag;
            return new Attempt(OperationResult.Fail, status, Etag: found);
        }

        var isRejected = !operation.IsWrite || problem?.Applied is Applied.No;
        return new Attempt(isRejected ? OperationResult.Rejected : OperationResult.Unknown, status);
    }

    private static Problem? ProblemOf(HttpResponseMessage answer, byte[] body)
    {
        if (answer.Content.Headers.ContentType?.MediaType != Problem.MediaType)
            return null;
        try
        {
            return JsonSerializer.Deserialize(body, ContractsJson.Default.Problem);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
