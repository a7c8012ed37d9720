using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KvStore.Contracts;

namespace KvStore.Client.Transport;

/// <summary>An answer that was read to its end; or, of a stream, one that has begun.</summary>
/// <param name="response">The answer.</param>
/// <param name="body">What was read of it.</param>
/// <param name="done">What the call did to the store, as far as an answer tells that cannot be read.</param>
internal sealed class KvAnswer(HttpResponseMessage response, ReadOnlyMemory<byte> body, Applied done) : IDisposable
{
    public Applied Done => done;

    public HttpStatusCode Status => response.StatusCode;

    public bool IsSuccess => response.IsSuccessStatusCode;

    public ReadOnlyMemory<byte> Body => body;

    public HttpContent Content => response.Content;

    /// <summary>Why the store refused; null: it did not, or who answered is no store.</summary>
    public Problem? Problem { get; } = IsProblem(response) ? ReadProblem(body.Span) : null;

    /// <summary>The version that is told of; null: none is.</summary>
    public KvVersion? Version => KvVersion.TryParse(One("ETag"), out var version) ? version : null;

    /// <summary>After what time it may be tried again; null: that is not said.</summary>
    public TimeSpan? RetryAfter => response.Headers.RetryAfter?.Delta;

    /// <summary>The header's value; null: it is absent, or there are several.</summary>
    public string? One(string name) =>
        (response.Headers.NonValidated.TryGetValues(name, out var values)
            || response.Content.Headers.NonValidated.TryGetValues(name, out values)) && values.Count == 1
                ? values.ToString()
                : null;

    /// <summary>What the body says.</summary>
    /// <exception cref="KvStoreException">It is something else.</exception>
    public T Read<T>(JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(body.Span, type) ?? throw new JsonException("It is null.");
        }
        catch (JsonException wrong)
        {
            throw new KvStoreException("The answer cannot be read; is it a KvStore?", done, wrong);
        }
    }

    /// <summary>What the writer told of the value.</summary>
    public IReadOnlyDictionary<string, string> Metadata()
    {
        List<KeyValuePair<string, string>>? pairs = null;    // most values have none
        foreach (var (name, value) in response.Headers.NonValidated)
        {
            if (name.StartsWith(KvHeaders.MetadataPrefix, StringComparison.OrdinalIgnoreCase))
                (pairs ??= []).Add(new(name[KvHeaders.MetadataPrefix.Length..], value.ToString()));
        }

        return KvMetadata.Of(pairs);
    }

    /// <summary>When the key ends; null: never.</summary>
    public DateTimeOffset? ExpiresAt() =>
        DateTimeOffset.TryParse(
            One(KvHeaders.ExpiresAt), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var moment)
            ? moment
            : null;

    /// <summary>The headers, for who routes.</summary>
    public HttpResponseHeaders Headers => response.Headers;

    public void Dispose() => response.Dispose();

    private static bool IsProblem(HttpResponseMessage response) =>
        response.Content.Headers.ContentType?.MediaType == Problem.MediaType;

    private static Problem? ReadProblem(ReadOnlySpan<byte> body)
    {
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
