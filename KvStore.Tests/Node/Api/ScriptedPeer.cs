using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace KvStore.Tests.Node.Api;

/// <summary>Another node, behaving as the test says: keeps each request as it came, answers with plain text.</summary>
internal sealed class ScriptedPeer : IAsyncDisposable
{
    /// <summary>In place of an answer: the connection is reset.</summary>
    public const string Reset = "reset";

    /// <summary>In place of an answer: nothing, for ever.</summary>
    public const string Silence = "silence";

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentBag<Socket> _open = [];
    private readonly ConcurrentQueue<string> _requests = new();
    private readonly ConcurrentQueue<string> _answers;
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly Task _accepting;

    /// <summary>Gives the answers in turn; silence when they have run out.</summary>
    public ScriptedPeer(params IEnumerable<string> answers)
    {
        _answers = new ConcurrentQueue<string>(answers);
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _accepting = AcceptAsync();
    }

    public Uri Address { get; }

    /// <summary>Each request as text: head and body.</summary>
    public IReadOnlyList<string> Requests => [.. _requests];

    /// <summary>Waits for the next request.</summary>
    public Task ArrivedAsync() => _arrived.WaitAsync(TimeSpan.FromSeconds(20));

    public static string Answer(int status, string body = "", string headers = "") =>
        $"HTTP/1.1 {status} X\r\nContent-Length: {body.Length}\r\nConnection: close\r\n{headers}\r\n{body}";

    public static string Problem(int status, string code, string applied = "no") => Answer(
        status,
        $$"""
        {"type":"t","title":"t","status":{{status}},"code":"{{code}}","retryable":true,"applied":"{{applied}}"}
        """,
        "Content-Type: application/problem+json\r\n");

    /// <summary>The value of a header of a request.</summary>
    public static string? HeaderOf(string request, string name)
    {
        var start = name + ": ";
        return request.Split("\r\n").SingleOrDefault(IsIt)?[start.Length..];

        bool IsIt(string line) => line.StartsWith(start, StringComparison.OrdinalIgnoreCase);
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        foreach (var socket in _open)
            socket.Dispose();
        await _accepting;
    }

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptSocketAsync();
                _open.Add(socket);
                serving.Add(ServeAsync(socket));
            }
        }
        catch (Exception stop) when (stop is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        try
        {
            var request = await ReadRequestAsync(socket);
            if (request.Length == 0)
                return;
            _requests.Enqueue(request);
            var answer = _answers.TryDequeue(out var next) ? next : Silence;
            _arrived.Release();
            if (answer is Silence)
                return;
            if (answer is Reset)
                socket.LingerState = new LingerOption(enable: true, seconds: 0);
            else
                await socket.SendAsync(Encoding.UTF8.GetBytes(answer));
            socket.Close();
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            // The caller gave up, or the test is over.
        }
    }

    private static async Task<string> ReadRequestAsync(Socket socket)
    {
        var text = "";
        var part = new byte[64 << 10];
        while (await socket.ReceiveAsync(part) is > 0 and var count)
        {
            text += Encoding.UTF8.GetString(part, 0, count);
            var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            var length = int.Parse(HeaderOf(text, "Content-Length") ?? "0", CultureInfo.InvariantCulture);
            if (end >= 0 && text.Length - end - 4 >= length)
                return text;
        }

        return "";
    }
}
