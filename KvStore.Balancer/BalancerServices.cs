using System.Net;
using System.Security.Cryptography;
using KvStore.Balancer.Api;
using KvStore.Balancer.Membership;
using KvStore.Balancer.Options;
using KvStore.Balancer.Routing;
using KvStore.Balancer.Telemetry;
using KvStore.Contracts;
using KvStore.ServiceDefaults;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace KvStore.Balancer;

/// <summary>All registrations.</summary>
internal static class BalancerServices
{
    /// <summary>One for nodes and balancer: what one of them refuses need not reach the other.</summary>
    private const string LargestValueVariable = "KVSTORE_MAX_VALUE_BYTES";

    /// <summary>
    /// Of the time that a node may take to answer, what connecting may take: less than all of it, so that no question
    /// begins with the connection that another gave up.
    /// </summary>
    private const double PollShareForConnecting = 0.9;

    /// <summary>
    /// What connecting may take for a request. A poll mostly finds sooner that a node is down; a node under a rush
    /// accepts late, and to fail thousands of requests for that would make all nodes busier.
    /// </summary>
    private static readonly TimeSpan RequestConnectTimeout = TimeSpan.FromSeconds(3);

    /// <summary>Adds what finds the nodes and keeps the view of them.</summary>
    /// <exception cref="StartupException">No nodes are named, or not as they should be.</exception>
    internal static void AddMembership(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(NodeSetting.Read(builder.Configuration));
        builder.Services.AddSingleton<NodeAddresses>();
        builder.Services.AddSingleton<CurrentView>();
        builder.Services.AddSingleton(services => new NodeProbe(NewHandler(
            services.GetRequiredService<IOptions<BalancerOptions>>().Value.PollTimeout * PollShareForConnecting)));
        builder.Services.AddSingleton<SnapshotsApi>();
        builder.Services.AddSingleton<ViewPoller>();
        builder.Services.AddHostedService(services => services.GetRequiredService<ViewPoller>());
    }

    /// <summary>Adds what forwards requests.</summary>
    /// <exception cref="StartupException">A setting has no valid value.</exception>
    internal static void AddRouting(this WebApplicationBuilder builder)
    {
        var largest = Settings.Number(
            builder.Configuration, LargestValueVariable, absent: 0, BalancerOptions.LargestValueBytes);    // 0: not set
        builder.Services.AddSingleton<IValidateOptions<BalancerOptions>, BalancerOptionsValidator>();
        builder.Services.AddOptions<BalancerOptions>().BindConfiguration(BalancerOptions.Section)
            .ValidateOnStart();
        if (largest > 0)
            builder.Services.PostConfigure<BalancerOptions>(options => options.MaxValueBytes = largest);
        builder.Services.AddOptions<KestrelServerOptions>().Configure<IOptions<BalancerOptions>>(
            (kestrel, options) =>
                kestrel.Limits.MaxRequestBodySize = BodyLimits.WithFraming(options.Value.MaxBodyBytes));
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddHttpForwarder();
        builder.Services.AddSingleton<BalancerMetrics>();
        builder.Services.AddSingleton<BodyReader>();
        builder.Services.AddSingleton<DeadlineTokens>();
        builder.Services.AddSingleton(_ => new Backoff(new Random(RandomNumberGenerator.GetInt32(int.MaxValue))));
        builder.Services.AddSingleton(services => ActivatorUtilities.CreateInstance<OwnerForwarder>(
            services,
            new HttpMessageInvoker(new ClientSpans(new SingleSendHandler(NewHandler(RequestConnectTimeout))))));

        // YARP tells of each request that it forwards; what concerns an operator is told by our own events.
        builder.Logging.AddFilter("Yarp", LogLevel.None);
    }

    /// <summary>
    /// A handler for calls to nodes: to nowhere else (no proxy, no redirects), and with nothing kept (no cookies).
    /// </summary>
    private static SocketsHttpHandler NewHandler(TimeSpan connectTimeout) => new()
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.None,
        EnableMultipleHttp2Connections = true,
        ConnectTimeout = connectTimeout,
        Expect100ContinueTimeout = TimeSpan.FromSeconds(15),    // a node looks for the bucket first
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60),    // nodes close theirs later than that
        MaxConnectionsPerServer = 4096,
        MaxResponseHeadersLength = 64,
        ActivityHeadersPropagator = null,    // ClientSpans tells nodes of a request's trace; a probe has none
    };
}
