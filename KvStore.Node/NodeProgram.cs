using Grpc.Core;
using KvStore.Node.Api;
using KvStore.Node.Membership;
using KvStore.Node.Options;
using KvStore.Node.Replication;
using KvStore.OpenApi;
using KvStore.ServiceDefaults;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Net.Http.Headers;

namespace KvStore.Node;

/// <summary>The node as a program: what it is made of, in order.</summary>
internal static class NodeProgram
{
    public const string PortVariable = "PORT";
    public const int DefaultPort = 8000;

    public static WebApplication Build(string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        builder.AddServiceDefaults();
        builder.Logging.AddFilter("Grpc", LogLevel.Warning);    // its ends say themselves how a link ended
        var listen = ListenAddresses.Use(builder, PortVariable, DefaultPort);
        var options = NodeOptions.From(builder.Configuration, listen.Addresses[0].Port);
        builder.WebHost.ConfigureKestrel(kestrel => ListenToPeers(kestrel, listen, options.PeerPort));
        var environment = new EnvironmentReader(builder.Configuration);
        builder.Services
            .AddNodeOptions(options)
            .AddStorage(environment)
            .AddMembership()
            .AddReplication()
            .AddApi(environment);

        var app = builder.Build();
        app.OnlyPeersOn(
            options.PeerPort, app.Services.GetRequiredService<PeerDirectory>().Secret);
        app.UseExactMethods();
        app.UseKeyValueApi();
        app.UseProblemPages();
        app.UseRouting();    // left out, it would come first and see other spellings of a method
        app.MapDefaultEndpoints();
        app.MapStatusApi();
        app.MapMembershipApi();
        app.MapBucketApi();
        app.MapWatchApi();
        app.MapManyApi();
        app.MapOperationsApi();
        app.MapSnapshotsApi();
        app.MapFaultsApi();
        app.MapApiDocument();
        app.MapGrpcService<PeerService>();
        return app;
    }

    /// <summary>
    /// Peer links have a port of their own, on the same interfaces as the API, and speak HTTP/2 only.
    /// </summary>
    private static void ListenToPeers(KestrelServerOptions kestrel, ListenAddresses listen, int port)
    {
        foreach (var host in listen.Addresses.Select(address => address.Host).Distinct())
        {
            var address = BindingAddress.Parse($"http://{host}:{port}");
            ListenAddresses.Listen(kestrel, address, endpoint => endpoint.Protocols = HttpProtocols.Http2);
        }
    }

    /// <summary>
    /// Nothing of the API answers on the peer port, no peer message is taken on the API's, and none from who does not
    /// know the cluster's secret.
    /// </summary>
    private static void OnlyPeersOn(this WebApplication app, int peerPort, ClusterSecret secret) =>
        app.Use((context, next) =>
        {
            var isPeerPort = context.Connection.LocalPort == peerPort;
            var isPeerCall =
                context.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) == true;
            if (isPeerPort != isPeerCall)
                context.Response.StatusCode = StatusCodes.Status404NotFound;
            else if (isPeerPort && !secret.IsProvedBy(context.Request))
                Refuse(context.Response);
            else
                return next(context);
            return Task.CompletedTask;
        });

    /// <summary>As gRPC refuses before a call begins.</summary>
    private static void Refuse(HttpResponse response)
    {
        response.ContentType = "application/grpc";
        response.Headers[HeaderNames.GrpcStatus] = $"{(int)StatusCode.PermissionDenied}";
        response.Headers[HeaderNames.GrpcMessage] = ClusterSecret.WhyRefused;
    }
}
