using KvStore.Client.Hosting;
using KvStore.Client.Transport;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>
/// A store, and of it the bucket that the settings name. One for a program is enough: it is safe for use by many at
/// once and keeps its connections.
/// </summary>
public sealed partial class KvStoreClient : KvBucket, IDisposable
{
    /// <summary>The name of the activity source and the meter.</summary>
    public const string TelemetryName = "KvStore.Client";

    /// <summary>A client with connections of its own.</summary>
    /// <param name="settings">Where the store is, and more.</param>
    /// <exception cref="ArgumentException">A setting is missing or has no valid value.</exception>
    public KvStoreClient(KvStoreClientSettings settings)
        : this(settings, NewHttp(), TimeProvider.System, hasDiscovery: false)
    {
    }

    /// <summary>A client of the store at an address, such as <c>http://localhost:9000</c>.</summary>
    /// <param name="connectionString">As <see cref="KvStoreClientSettings.ConnectionString"/>.</param>
    /// <exception cref="ArgumentException">It cannot be read.</exception>
    public KvStoreClient(string connectionString)
        : this(new KvStoreClientSettings { ConnectionString = connectionString })
    {
    }

    internal KvStoreClient(
        KvStoreClientSettings settings, HttpClient http, TimeProvider time, bool hasDiscovery = true)
        : this(Connect(settings, http, time, hasDiscovery), time)
    {
    }

    private KvStoreClient((KvStoreClientSettings Settings, KvTransport Transport) made, TimeProvider time)
        : base(made.Settings.Bucket, made.Transport, made.Settings, time)
    {
    }

    /// <summary>Another bucket of the store; it need not be there yet.</summary>
    /// <param name="name">
    /// 1 to 63 characters: small letters, digits, dots, underscores and hyphens, of which a letter or digit is first.
    /// </param>
    /// <exception cref="ArgumentException">It is no name of a bucket.</exception>
    public KvBucket Bucket(string name) => Beside(name);

    /// <summary>
    /// Asks whether the store serves: a balancer, whether every key has a majority of its nodes; a node, whether it
    /// has taken its place in the cluster and knows who leads what it has copies of. Where the client has the addresses
    /// of nodes, one that says so is enough.
    /// </summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="KvStoreException">It does not, or cannot be reached.</exception>
    public Task PingAsync(CancellationToken cancellationToken = default) => PingAsync(Patience, cancellationToken);

    /// <summary>The same, and how long it may take.</summary>
    internal async Task PingAsync(TimeSpan timeout, CancellationToken cancellation)
    {
        var call = new KvCall(HttpMethod.Get, Routes.Health, "ping") { Timeout = timeout };
        using var answer = await Transport.SendAsync(call, cancellation).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => Transport.Dispose();

    private static (KvStoreClientSettings Settings, KvTransport Transport) Connect(
        KvStoreClientSettings settings, HttpClient http, TimeProvider time, bool hasDiscovery)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var own = settings.Checked();
        var (servers, areNodes) = KvConnectionString.Read(own.ConnectionString!, hasDiscovery);
        var transport = new KvTransport(
            http,
            areNodes ? new NodeRoutes(http, servers, time) : new OneDoor(servers[0]),
            own is { DisableTracing: true, DisableMetrics: true }
                ? null
                : new ClientTelemetry(!own.DisableTracing, !own.DisableMetrics),
            new RetryBudget(own.RetryShare, own.RetryBurst, time),
            own.AttemptTimeout,
            time);
        return (own, transport);
    }

    private static HttpClient NewHttp()
    {
        var handler = new SocketsHttpHandler();
        ClientHandler.Configure(handler);
        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };    // each call has its own
    }
}
