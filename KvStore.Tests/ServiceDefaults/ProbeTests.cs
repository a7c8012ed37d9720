using KvStore.ServiceDefaults;
using KvStore.Tests.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;

namespace KvStore.Tests.ServiceDefaults;

public sealed class ProbeTests
{
    [Theory]
    [InlineData(StatusCodes.Status200OK, 0)]
    [InlineData(StatusCodes.Status503ServiceUnavailable, 1)]
    public async Task A_program_is_as_healthy_as_it_says(int status, int exitCode)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var app = builder.Build();
        app.MapGet("/health", () => Results.StatusCode(status));
        await app.StartAsync();
        var port = new Uri(app.Urls.Single()).Port;
        using var output = new StringWriter();

        Assert.Equal(exitCode, await AskAsync(output, ("http_ports", $"{port}"), ("KvStore:AllowAnonymous", "true")));
        Assert.Equal($"http://localhost:{port}/health: {status}", output.ToString().Trim());
    }

    [Theory]
    [InlineData("http://127.0.0.3:1", "http://127.0.0.3:1/")]
    [InlineData("http://[::1]:1", "http://[::1]:1/")]
    [InlineData("http://0.0.0.0:1", "http://localhost:1/")]
    [InlineData("http://[::]:1", "http://localhost:1/")]
    [InlineData("http://*:1", "http://localhost:1/")]
    public async Task It_is_asked_where_it_listens(string listens, string asked)
    {
        using var output = new StringWriter();
        Assert.Equal(1, await AskAsync(output, ("urls", listens), ("KvStore:AllowAnonymous", "true")));
        Assert.StartsWith(asked, output.ToString());
    }

    [Fact]
    public async Task One_that_does_not_answer_is_not_healthy()
    {
        using var output = new StringWriter();
        var port = FreePorts.Take(1)[0];

        Assert.Equal(1, await AskAsync(output, ("PORT", $"{port}")));
        Assert.StartsWith($"http://localhost:{port}/health: ", output.ToString());
    }

    private static Task<int> AskAsync(TextWriter output, params (string Key, string? Value)[] settings) =>
        Probe.AskAsync(
            new ConfigurationBuilder()
                .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Value)))
                .Build(),
            "PORT",
            defaultPort: 2,
            output);
}
