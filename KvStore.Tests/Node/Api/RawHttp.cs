using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Tests.Node.Api;

/// <summary>HTTP over a bare socket: what is written here is what arrives, normalised by nobody.</summary>
internal static class RawHttp
{
    public static byte[] Head(string method, string target, params IEnumerable<string> headers)
    {
        var head = new StringBuilder($"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        foreach (var header in headers)
            head.Append(header).Append("\r\n");
        return Encoding.Latin1.GetBytes(head.Append("\r\n").ToString());
    }

    /// <summary>Sends the bytes and reads until the other side closes.</summary>
    /// <param name="address">Where to.</param>
    /// <param name="request">What to send.</param>
    /// <param name="patience">After how long without a whole answer nothing more is promised to come from here.</param>
    public static async Task<RawResponse> SendAsync(Uri address, byte[] request, TimeSpan? patience = null)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port);
        var stream = client.GetStream();
        try
        {
            await stream.WriteAsync(request);
        }
        catch (IOException)
        {
            // The server may answer and close before it has read all.
        }

        var reading = ReadAllAsync(stream);
        if (patience is { } wait && await Task.WhenAny(reading, Task.Delay(wait)) != reading)
            client.Client.Shutdown(SocketShutdown.Send);
        return RawResponse.Parse(await reading);
    }

    private static async Task<byte[]> ReadAllAsync(NetworkStream stream)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var all = new MemoryStream();
        var part = new byte[16 << 10];
        try
        {
            while (await stream.ReadAsync(part, deadline.Token) is > 0 and var count)
                all.Write(part, 0, count);
        }
        catch (IOException)
        {
            // A reset after the answer: what came before it counts.
        }

        return all.ToArray();
    }
}

/// <summary>A response as it came.</summary>
internal sealed record RawResponse(int Status, ILookup<string, string> Headers, string Body)
{
    public string? this[string header] => Headers[header].SingleOrDefault();

    public int RetryAfterSeconds => int.Parse(this["Retry-After"]!, CultureInfo.InvariantCulture);

    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    public Problem Problem => JsonSerializer.Deserialize(Body, ContractsJson.Default.Problem)!;

    public static RawResponse Parse(byte[] bytes)
    {
        var text = Encoding.UTF8.GetString(bytes);
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0)
            return new RawResponse(0, Array.Empty<string>().ToLookup(line => line), text);
        var lines = text[..end].Split("\r\n");
        var headers = lines.Skip(1).Select(line => line.Split(": ", 2)).ToLookup(
            pair => pair[0], pair => pair.ElementAtOrDefault(1) ?? "", StringComparer.OrdinalIgnoreCase);
        var status = int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture);
        return new RawResponse(status, headers, text[(end + 4)..]);
    }
}
