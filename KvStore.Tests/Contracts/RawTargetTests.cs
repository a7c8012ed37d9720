using System.Net;
using System.Net.Sockets;
using System.Text;
using KvStore.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace KvStore.Tests.Contracts;

/// <summary>What Kestrel leaves of a request's target: the ground <see cref="KeyPath"/> stands on.</summary>
public sealed class RawTargetTests : IAsyncLifetime
{
    private readonly WebApplication _app = Build();

    public ValueTask InitializeAsync() => new(_app.StartAsync());

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    [Theory]
    [InlineData("/v1/a%2Fb")]
    [InlineData("/v1/a%252Fb")]
    [InlineData("/v1/a/../b")]
    [InlineData("/v1/a/%2e%2e/b//c/.")]
    [InlineData("/v1/%C3%A4%FF%zz%")]
    [InlineData("/v1/a\\b\"<>[]^`{|}#c")]
    [InlineData("/v1/a?b=%zz&c=../?")]
    [InlineData("http://localhost/v1/a%2Fb")]
    public async Task A_target_of_ASCII_arrives_as_it_was_sent(string target)
    {
        var (status, body) = await SendAsync(Encoding.ASCII.GetBytes(target));

        Assert.Equal(200, status);
        Assert.Equal(target, body);
    }

    [Theory]
    [InlineData("/v1/ä")]
    [InlineData("/v1/a?ä")]
    [InlineData("/v1/%41ä")]
    [InlineData("/v1/a\0b")]
    [InlineData("/v1/%00ä")]
    public async Task A_byte_beyond_ASCII_or_a_NUL_is_refused_before_any_handler(string target)
    {
        var (status, _) = await SendAsync(Encoding.UTF8.GetBytes(target));

        Assert.Equal(400, status);
    }

    private static WebApplication Build()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        app.Run(context =>
            context.Response.WriteAsync(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget));
        return app;
    }

    private async Task<(int Status, string Body)> SendAsync(byte[] target)
    {
        using var client = new TcpClient();
        var cancellation = TestContext.Current.CancellationToken;
        await client.ConnectAsync(IPAddress.Loopback, new Uri(_app.Urls.Single()).Port, cancellation);
        var stream = client.GetStream();
        byte[] request = [.. "GET "u8, .. target, .. " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"u8];
        await stream.WriteAsync(request, cancellation);

        using var reader = new StreamReader(stream, Encoding.UTF8);
        var answer = await reader.ReadToEndAsync(cancellation);
        var lines = answer.Split("\r\n");
        var body = lines.SkipWhile(line => line.Length > 0).Skip(1).ToArray();
        return (int.Parse(lines[0].Split(' ')[1], null), body.Length > 1 ? body[1] : "");
    }
}
