using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace KvStore.Tests.Cli;

/// <summary>Answers every request alike, or as a test says, and remembers the last one.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FakeServer(WebApplication app) => _app = app;

    public string Url => _app.Urls.Single();

    public string Method { get; private set; } = "";

    /// <summary>The target as it stood on the request line.</summary>
    public string Target { get; private set; } = "";

    public Dictionary<string, string> Headers { get; private set; } = [];

    public byte[] Body { get; private set; } = [];

    public static Task<FakeServer> StartAsync(
        int status, string body = "", string type = "application/json", params (string Name, string Value)[] headers) =>
        StartAsync(async context =>
        {
            context.Response.StatusCode = status;
            foreach (var (name, value) in headers)
                context.Response.Headers[name] = value;
            if (body.Length == 0)
                return;
            context.Response.ContentType = type;
            await context.Response.WriteAsync(body);
        });

    /// <summary>Answers as the test says.</summary>
    public static async Task<FakeServer> StartAsync(Func<HttpContext, Task> answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var server = new FakeServer(app);
        app.Run(async context =>
        {
            await server.RememberAsync(context);
            await answer(context);
        });
        await app.StartAsync();
        return server;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task RememberAsync(HttpContext context)
    {
        Method = context.Request.Method;
        Target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        Headers = context.Request.Headers.ToDictionary(
            header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        Body = body.ToArray();
        context.Request.Body = new MemoryStream(Body);
    }
}
