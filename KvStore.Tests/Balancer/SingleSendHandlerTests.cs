using System.Net;
using System.Net.Sockets;
using System.Text;
using KvStore.Balancer.Routing;

namespace KvStore.Tests.Balancer;

public sealed class SingleSendHandlerTests
{
    [Theory]
    [InlineData("DELETE")]
    [InlineData("POST")]
    public async Task A_write_without_a_body_that_was_sent_before_its_node_died_is_no_connection_error(string method)
    {
        using var node = new TcpListener(IPAddress.Loopback, 0);
        node.Start();
        var port = ((IPEndPoint)node.LocalEndpoint).Port;
        using var client = new HttpMessageInvoker(new SingleSendHandler(new SocketsHttpHandler { UseProxy = false }));
        var dying = AnswerOnceAndDieAsync(node);
        (await SendAsync(client, port, method)).Dispose();

        var failure = await Assert.ThrowsAnyAsync<Exception>(() => SendAsync(client, port, method));

        Assert.StartsWith($"{method} / ", await dying);    // it was read before the node died
        Assert.NotEqual(HttpRequestError.ConnectionError, (failure as HttpRequestException)?.HttpRequestError);
    }

    [Fact]
    public async Task A_write_that_finds_nobody_is_one()
    {
        using var client = new HttpMessageInvoker(new SingleSendHandler(new SocketsHttpHandler { UseProxy = false }));
        var port = Cluster.FreePorts.Take(1)[0];

        var failure = await Assert.ThrowsAsync<HttpRequestException>(() => SendAsync(client, port, "DELETE"));

        Assert.Equal(HttpRequestError.ConnectionError, failure.HttpRequestError);
    }

    [Fact]
    public async Task So_is_a_write_that_was_given_up_before_it_had_a_connection()
    {
        using var node = new TcpListener(IPAddress.Loopback, 0);
        node.Start();
        using var client = new HttpMessageInvoker(new SingleSendHandler(new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = async (_, ended) =>
            {
                await Task.Delay(Timeout.Infinite, ended);    // a network that is silent
                return Stream.Null;
            },
        }));
        using var givenUp = new CancellationTokenSource();
        var sent = SendAsync(client, ((IPEndPoint)node.LocalEndpoint).Port, "PUT", givenUp.Token);
        await givenUp.CancelAsync();

        var failure = await Assert.ThrowsAsync<HttpRequestException>(() => sent);
        Assert.Equal(HttpRequestError.ConnectionError, failure.HttpRequestError);
    }

    [Fact]
    public async Task A_write_that_was_given_up_while_its_node_had_it_is_none()
    {
        using var node = new TcpListener(IPAddress.Loopback, 0);
        node.Start();
        using var client = new HttpMessageInvoker(new SingleSendHandler(new SocketsHttpHandler { UseProxy = false }));
        using var givenUp = new CancellationTokenSource();
        var sent = SendAsync(client, ((IPEndPoint)node.LocalEndpoint).Port, "PUT", givenUp.Token);
        using var connection = await node.AcceptSocketAsync();
        await ReadAsync(connection);
        await givenUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sent);
    }

    private static Task<HttpResponseMessage> SendAsync(HttpMessageInvoker client, int port, string method) =>
        SendAsync(client, port, method, TestContext.Current.CancellationToken);

    private static Task<HttpResponseMessage> SendAsync(
        HttpMessageInvoker client, int port, string method, CancellationToken cancellation)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), $"http://127.0.0.1:{port}/");
        return client.SendAsync(request, cancellation);
    }

    /// <summary>Gives the request that it died on.</summary>
    private static async Task<string> AnswerOnceAndDieAsync(TcpListener node)
    {
        using var connection = await node.AcceptSocketAsync();
        await ReadAsync(connection);
        await connection.SendAsync(Encoding.ASCII.GetBytes("HTTP/1.1 204 No Content\r\n\r\n"));
        var last = await ReadAsync(connection);
        node.Stop();
        return last;
    }

    private static async Task<string> ReadAsync(Socket connection)
    {
        var buffer = new byte[4096];
        var text = "";
        while (!text.EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            var count = await connection.ReceiveAsync(buffer);
            Assert.NotEqual(0, count);
            text += Encoding.ASCII.GetString(buffer, 0, count);
        }

        return text;
    }
}
