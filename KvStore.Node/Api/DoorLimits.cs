using System.Text;
using KvStore.Node.Watch;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace KvStore.Node.Api;

/// <summary>What a connection may cost before any of our code sees its request.</summary>
internal static class DoorLimits
{
    private const int MaxRequestLineBytes = 8 << 10;
    private const int MaxHeaderBytes = (32 << 10) + (1 << 10);    // what a balancer takes, and what it adds
    private const int MaxHeaders = 100 + 8;
    private const int MaxConnections = 20_000;    // beside those of watches
    private static readonly TimeSpan HeaderTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan IdleTime = TimeSpan.FromMinutes(2);
    private static readonly MinDataRate BodyRate = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));

    /// <summary>A header with a byte above 0x7F is refused, not guessed at.</summary>
    private static readonly Encoding StrictAscii =
        Encoding.GetEncoding("us-ascii", EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);

    /// <summary>Sets the limits of every endpoint of the server.</summary>
    public static void ConfigureKestrelLimits(
        this KestrelServerOptions server, ApiOptions options, WatchOptions watches)
    {
        server.AddServerHeader = false;
        server.RequestHeaderEncodingSelector = static _ => StrictAscii;
        server.Limits.MaxRequestLineSize = MaxRequestLineBytes;
        server.Limits.MaxRequestHeadersTotalSize = MaxHeaderBytes;
        server.Limits.MaxRequestHeaderCount = MaxHeaders;
        server.Limits.MaxRequestBodySize = options.MaxEnvelopeBytes;
        server.Limits.MaxConcurrentConnections = MaxConnections + watches.MaxWatches;
        server.Limits.RequestHeadersTimeout = HeaderTime;
        server.Limits.KeepAliveTimeout = IdleTime;
        server.Limits.MinRequestBodyDataRate = BodyRate;
    }
}
