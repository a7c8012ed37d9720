using System.Net;
using System.Text.Json;

namespace KvStore.Tests.Node.Api;

/// <summary>One server-sent event.</summary>
/// <param name="Name">What kind.</param>
/// <param name="Data">Its lines.</param>
/// <param name="Id">The cursor that came with it; null: none did.</param>
internal sealed record ServerEvent(string Name, string Data, string? Id)
{
    public JsonElement Json => JsonDocument.Parse(Data).RootElement;

    public string Key => Json.GetProperty("key").GetString()!;

    public long Version => Json.GetProperty("version").GetInt64();
}

/// <summary>Reads a stream of events as a browser does.</summary>
internal sealed class EventReader : IDisposable
{
    private readonly HttpResponseMessage _response;
    private readonly StreamReader _lines;
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(60));

    private EventReader(HttpResponseMessage response, Stream body) =>
        (_response, _lines) = (response, new StreamReader(body));

    /// <summary>The last cursor; null before the first.</summary>
    public string? Cursor { get; private set; }

    /// <summary>Lines that say nothing.</summary>
    public int Comments { get; private set; }

    /// <summary>After which time to come again.</summary>
    public string? Retry { get; private set; }

    public HttpResponseMessage Response => _response;

    public static async Task<EventReader> OpenAsync(HttpClient door, string target, string? last = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, target);
        request.Headers.Add("Accept", "text/event-stream");
        if (last is not null)
            request.Headers.Add("Last-Event-ID", last);
        var response = await door.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        if (response.StatusCode != HttpStatusCode.OK)
            throw new HttpRequestException(await response.Content.ReadAsStringAsync(), null, response.StatusCode);
        return new EventReader(response, await response.Content.ReadAsStreamAsync());
    }

    /// <summary>The next event of whatever kind; null: the stream has ended.</summary>
    public async Task<ServerEvent?> NextAsync()
    {
        var (name, id, data) = ("message", default(string), new List<string>());
        while (await _lines.ReadLineAsync(_patience.Token) is { } line)
        {
            if (line.Length == 0 && data.Count > 0)
            {
                Cursor = id ?? Cursor;
                return new ServerEvent(name, string.Join('\n', data), id);
            }

            if (line.StartsWith(':'))
                Comments++;
            else if (line.StartsWith("id: ", StringComparison.Ordinal))
                id = line[4..];
            else if (line.StartsWith("event: ", StringComparison.Ordinal))
                name = line[7..];
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
                data.Add(line[6..]);
            else if (line.StartsWith("retry: ", StringComparison.Ordinal))
                Retry = line[7..];
            else
                Assert.Empty(line);
        }

        return null;
    }

    /// <summary>The next events that are changes.</summary>
    public async Task<List<ServerEvent>> ChangesAsync(int count)
    {
        List<ServerEvent> changes = [];
        while (changes.Count < count)
        {
            var next = await NextAsync();
            Assert.NotNull(next);
            if (next.Name is "put" or "delete" or "expire")
                changes.Add(next);
            else
                Assert.Equal("progress", next.Name);
        }

        return changes;
    }

    public void Dispose()
    {
        _lines.Dispose();
        _response.Dispose();
        _patience.Dispose();
    }
}
