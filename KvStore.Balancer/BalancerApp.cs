using System.Text;
using KvStore.Balancer.Api;
using KvStore.OpenApi;
using KvStore.ServiceDefaults;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace KvStore.Balancer;

/// <summary>Puts the program together.</summary>
internal static class BalancerApp
{
    public const string PortVariable = "LB_PORT";
    public const int DefaultPort = 9000;

    /// <summary>As on the nodes: a header with a byte above 0x7F is refused, not guessed at.</summary>
    private static readonly Encoding StrictAscii =
        Encoding.GetEncoding("us-ascii", EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);

    /// <summary>Reads the settings and builds the program.</summary>
    /// <exception cref="StartupException">A setting has no valid value.</exception>
    internal static WebApplication Build(string[] args, Action<WebApplicationBuilder>? adjust = null)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        adjust?.Invoke(builder);
        builder.AddServiceDefaults();
        builder.WebHost.ConfigureKestrel(LimitTheDoor);
        ListenAddresses.Use(builder, PortVariable, DefaultPort);
        builder.AddMembership();
        builder.AddRouting();

        var app = builder.Build();
        app.UseExactMethods();
        app.UseProblems();
        app.UseOwnerRouting();    // before the router of endpoints: a key has no route of its own
        app.UseRouteProblems();
        app.UseRouting();
        app.MapDefaultEndpoints();
        app.MapStatus();
        app.MapApiDocument();
        return app;
    }

    private static void LimitTheDoor(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.RequestHeaderEncodingSelector = static _ => StrictAscii;
        var limits = kestrel.Limits;
        limits.MaxConcurrentConnections = 20_000;
        limits.MaxRequestLineSize = 8 << 10;
        limits.MaxRequestHeadersTotalSize = 32 << 10;
        limits.MaxRequestHeaderCount = 100;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        limits.KeepAliveTimeout = TimeSpan.FromMinutes(2);
        limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));
    }
}
