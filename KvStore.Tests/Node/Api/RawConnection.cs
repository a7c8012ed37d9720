using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace KvStore.Tests.Node.Api;

/// <summary>
/// One connection over a bare socket that may carry one request after the other: it reads each answer to its end and
/// no byte further.
/// </summary>
internal sealed class RawConnection : IDisposable
{
    private readonly TcpClient _client = new() { NoDelay = true };
    private byte[] _buffer = new byte[16 << 10];
    private NetworkStream _stream = null!;
    private int _from;
    private int _to;

    public static async Task<RawConnection> OpenAsync(Uri address)
    {
        var connection = new RawConnection();
        await connection._client.ConnectAsync(address.Host, address.Port);
        connection._stream = connection._client.GetStream();
        return connection;
    }

    /// <summary>Sends bytes; the server may answer and close before it has read all.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> request)
    {
        try
        {
            await _stream.WriteAsync(request);
        }
        catch (IOException)
        {
            // What it answered can be read all the same.
        }
    }

    /// <summary>Nothing more comes from here.</summary>
    public void EndSending() => _client.Client.Shutdown(SocketShutdown.Send);

    /// <summary>Reads one answer; of a stream that does not end by itself the head alone.</summary>
    /// <param name="method">Of the request: HEAD is answered without a body.</param>
    /// <param name="deadline">When it must be there.</param>
    /// <returns>Null: the server closed without one.</returns>
    public async Task<RawResponse?> ReadAsync(string method, CancellationToken deadline)
    {
        while (await ReadHeadAsync(deadline) is { } answer)
        {
            if (answer.Status is < 200)    // 100 Continue
                continue;
            if (method is "HEAD" || answer.Status is 204 or 304 || IsStream(answer))
                return answer;
            var body = answer["Transfer-Encoding"] is "chunked" ? await ReadChunksAsync(deadline)
                : answer["Content-Length"] is { } length
                    ? await ReadCountAsync(int.Parse(length, CultureInfo.InvariantCulture), deadline)
                    : await ReadToEndAsync(deadline);
            return answer with { Body = Encoding.UTF8.GetString(body) };
        }

        return null;
    }

    /// <summary>Whether it is one that goes on for as long as there is something to tell.</summary>
    public static bool IsStream(RawResponse answer) => answer["Content-Type"] is "text/event-stream";

    /// <summary>Whether the server has nothing more to say and closes.</summary>
    public async Task<bool> EndsAsync(CancellationToken deadline) => _from == _to && !await FillAsync(deadline);

    public void Dispose() => _client.Dispose();

    private async Task<RawResponse?> ReadHeadAsync(CancellationToken deadline)
    {
        int end;
        while ((end = _buffer.AsSpan(_from, _to - _from).IndexOf("\r\n\r\n"u8)) < 0)
        {
            if (!await FillAsync(deadline))
                return _from == _to ? null : throw new InvalidDataException("The head of an answer ended early.");
        }

        return RawResponse.Parse(await ReadCountAsync(end + 4, deadline));
    }

    private async Task<byte[]> ReadChunksAsync(CancellationToken deadline)
    {
        var body = new MemoryStream();
        while (int.Parse(await ReadLineAsync(deadline), NumberStyles.HexNumber, CultureInfo.InvariantCulture)
            is > 0 and var size)
        {
            body.Write(await ReadCountAsync(size, deadline));
            Assert.Equal("", await ReadLineAsync(deadline));
        }

        while (await ReadLineAsync(deadline) is not "")
        {
            // A trailer.
        }

        return body.ToArray();
    }

    private async Task<string> ReadLineAsync(CancellationToken deadline)
    {
        var line = new StringBuilder();
        while ((await ReadCountAsync(1, deadline))[0] is var octet && octet != '\n')
            line.Append((char)octet);
        return line.ToString().TrimEnd('\r');
    }

    private async Task<byte[]> ReadCountAsync(int count, CancellationToken deadline)
    {
        while (_to - _from < count)
        {
            if (!await FillAsync(deadline))
                throw new InvalidDataException("The body of an answer ended early.");
        }

        _from += count;
        return _buffer[(_from - count).._from];
    }

    private async Task<byte[]> ReadToEndAsync(CancellationToken deadline)
    {
        while (await FillAsync(deadline))
        {
            // It goes into the buffer.
        }

        return await ReadCountAsync(_to - _from, deadline);
    }

    /// <returns>False: the server closed, in order or not.</returns>
    private async Task<bool> FillAsync(CancellationToken deadline)
    {
        if (_from == _to)
            (_from, _to) = (0, 0);
        if (_to == _buffer.Length)
            Array.Resize(ref _buffer, 2 * _buffer.Length);
        try
        {
            var count = await _stream.ReadAsync(_buffer.AsMemory(_to), deadline);
            _to += count;
            return count > 0;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
