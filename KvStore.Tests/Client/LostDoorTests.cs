using System.Net;
using System.Net.Sockets;
using System.Text;
using KvStore.Client;
using KvStore.Contracts;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace KvStore.Tests.Client;

/// <summary>What a caller is told of a write whose door died or was never reached, over real connections.</summary>
public sealed class LostDoorTests
{
    private static readonly Dictionary<string, Func<KvStoreClient, Task>> BodilessWrites = new()
    {
        ["delete"] = client => client.DeleteAsync("k"),
        ["touch"] = client => client.TouchAsync("k", TimeSpan.FromHours(1)),
        ["drop"] = client => client.DropBucketAsync("b"),
        ["range"] = client => client.DeleteRangeAsync("p/"),
    };

    [Theory]
    [InlineData("delete", false)]
    [InlineData("delete", true)]
    [InlineData("touch", false)]
    [InlineData("drop", false)]
    [InlineData("range", false)]
    public async Task A_write_without_a_body_that_was_sent_before_its_door_died_may_be_applied(
        string write, bool isHosted)
    {
        using var door = new TcpListener(IPAddress.Loopback, 0);
        door.Start();
        using var client = Open(((IPEndPoint)door.LocalEndpoint).Port, isHosted);
        var dying = AnswerOnceAndDieAsync(door);
        if (write != "range")
            Assert.Equal(1, await client.CountAsync("p/"));    // the connection is kept

        var failure = await Assert.ThrowsAsync<KvStoreException>(() => BodilessWrites[write](client));

        Assert.DoesNotContain("GET ", await dying, StringComparison.Ordinal);    // it was read before the door died
        Assert.Equal(Applied.Unknown, failure.Applied);
    }

    [Fact]
    public async Task A_write_for_which_there_was_no_connection_in_time_is_not_applied()
    {
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, ended) =>
            {
                await Task.Delay(Timeout.Infinite, ended);    // a network that is silent
                return Stream.Null;
            },
        };
        var settings = new KvStoreClientSettings
        {
            ConnectionString = "http://127.0.0.1:9",
            Timeout = TimeSpan.FromMilliseconds(200),
        };
        using var http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        using var client = new KvStoreClient(settings, http, TimeProvider.System);
        var failure = await Assert.ThrowsAsync<KvStoreException>(() => client.PutAsync("k", 1));
        Assert.Equal(Applied.No, failure.Applied);
    }

    private static KvStoreClient Open(int port, bool isHosted)
    {
        var (address, timeout) = ($"http://127.0.0.1:{port}", TimeSpan.FromSeconds(1));
        if (!isHosted)
            return new(new KvStoreClientSettings { ConnectionString = address, Timeout = timeout });
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection([new("ConnectionStrings:kv", address)]);
        builder.AddKvStoreClient("kv", settings => settings.Timeout = timeout);
        return builder.Build().Services.GetRequiredService<KvStoreClient>();
    }

    /// <summary>Answers one request with a count, and gives the one that it died on.</summary>
    private static async Task<string> AnswerOnceAndDieAsync(TcpListener door)
    {
        const string Counted = """{"items":[],"prefixes":[],"snapshot":"s","count":1}""";
        using var connection = await door.AcceptSocketAsync();
        await ReadAsync(connection);
        await connection.SendAsync(Encoding.ASCII.GetBytes(
            $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Counted.Length}\r\n\r\n{Counted}"));
        var last = await ReadAsync(connection);
        door.Stop();
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
