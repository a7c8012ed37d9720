using System.Net;
using System.Net.Sockets;
using KvStore.ServiceDefaults;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace KvStore.Tests.ServiceDefaults;

public sealed class ConnectionLimitTests
{
    private static readonly byte[] Request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray();

    [Fact]
    public async Task An_address_has_no_more_connections_than_it_may_and_again_one_when_one_is_closed()
    {
        await using var app = await StartAsync(most: 2);
        using var first = await ConnectAsync(app);
        using var second = await ConnectAsync(app);
        Assert.True(await IsAnsweredAsync(first));
        Assert.True(await IsAnsweredAsync(second));
        using (var third = await ConnectAsync(app))
            Assert.False(await IsAnsweredAsync(third));

        first.Dispose();
        while (true)    // it takes the server a moment to see that
        {
            using var next = await ConnectAsync(app);
            if (await IsAnsweredAsync(next))
                return;
        }
    }

    [Theory]
    [InlineData("10.0.0.1", "10.0.0.1")]
    [InlineData("::ffff:10.0.0.1", "10.0.0.1")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
    public void Of_the_newer_protocol_a_network_counts_as_one(string remote, string counted) =>
        Assert.Equal(
            IPAddress.Parse(counted), ConnectionLimit.CountedFor(new IPEndPoint(IPAddress.Parse(remote), 1)));

    [Theory]
    [InlineData("0")]
    [InlineData("many")]
    [InlineData("1000001")]
    public async Task A_number_that_is_none_ends_the_start(string most)
    {
        var failure = await Assert.ThrowsAsync<StartupException>(() => StartAsync(most));
        Assert.Contains("from 1 to 1000000, not '" + most, failure.Message);
    }

    private static Task<WebApplication> StartAsync(int most) => StartAsync($"{most}");

    private static async Task<WebApplication> StartAsync(string most)
    {
        var builder = WebApplication.CreateSlimBuilder();
        new CollectedLog().Replace(builder);
        builder.Configuration["urls"] = "http://127.0.0.1:0";
        builder.Configuration[ConnectionLimit.Key] = most;
        ListenAddresses.Use(builder, "PORT", 8000);
        var app = builder.Build();
        app.Run(context => context.Response.WriteAsync("here"));
        await app.StartAsync();
        return app;
    }

    private static async Task<Socket> ConnectAsync(WebApplication app)
    {
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, new Uri(addresses.Addresses.Single()).Port);
        }
        catch (SocketException)
        {
            // Closed before this side had seen it open.
        }

        return socket;
    }

    private static async Task<bool> IsAnsweredAsync(Socket socket)
    {
        try
        {
            await socket.SendAsync(Request);
            return await socket.ReceiveAsync(new byte[1024]) > 0;
        }
        catch (SocketException)
        {
            return false;    // reset
        }
    }
}
