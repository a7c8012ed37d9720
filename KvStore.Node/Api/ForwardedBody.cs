using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>
/// The body of another node's answer. It is read whole before anything goes to the client: as long as nothing did, a
/// node that dies in the middle of its answer costs one more attempt and no failed request.
/// </summary>
internal static class ForwardedBody
{
    /// <summary>The whole body.</summary>
    /// <exception cref="HttpRequestException">It did not arrive whole.</exception>
    public static async ValueTask<ReadOnlyMemory<byte>> ReadAsync(HttpContent content, CancellationToken attempt) =>
        content.Headers.ContentLength is 0 ? default : await content.ReadAsByteArrayAsync(attempt);

    /// <summary>Whether the answer means: ask again, here or elsewhere. Null: it is the answer.</summary>
    public static ForwardResult? Verdict(HttpResponseMessage response, ReadOnlyMemory<byte> body)
    {
        if ((int)response.StatusCode is not (503 or 504) || Read(body) is not { } problem)
            return null;
        var (noQuorum, notReady, draining) = (ProblemType.NoQuorum, ProblemType.NotReady, ProblemType.Draining);
        if (problem.Code == noQuorum.Code || problem.Code == notReady.Code || problem.Code == draining.Code)
            return ForwardResult.NotApplied;
        return problem.Applied is Applied.Unknown ? ForwardResult.Unknown : null;
    }

    /// <summary>
    /// Whether the answer is a refusal to take the request at all, or under its id: of an earlier attempt at another
    /// node it knows nothing.
    /// </summary>
    public static bool ClaimsNothingApplied(HttpResponseMessage response, ReadOnlyMemory<byte> body) =>
        (int)response.StatusCode is 409 or 429 or >= 500 && Read(body) is not { Applied: not Applied.No };

    private static Problem? Read(ReadOnlyMemory<byte> body)
    {
        try
        {
            return JsonSerializer.Deserialize(body.Span, ContractsJson.Default.Problem);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
