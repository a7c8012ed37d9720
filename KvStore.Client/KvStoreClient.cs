using KvStore.Client.Hosting;
using KvStore.Client.Transport;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>
/// A store, and of it the bucket that the settings name. One for a program is enough: it is safe for use by many at
/// once and keeps its connections.
/// </summary>
public sealed class KvStoreClient : KvBucket, IDisposable
{
    /// <summary>The name of the activity source and the meter.</summary>
    public const string TelemetryName = "KvStore.Client";

    /// <summary>A client with connections of its own.</summary>
    /// <param name="settings">Where the store is, and more.</param>
    /// <exception cref="ArgumentException">A setting is missing or has no valid value.</exception>
    public KvStoreClient(KvStoreClientSettings settings)
        : this(settings, NewHttp(), TimeProvider.System)
    {
    }

    /// <summary>A client of the store at an address, such as <c>http://localhost:9000</c>.</summary>
    /// <param name="connectionString">As <see cref="KvStoreClientSettings.ConnectionString"/>.</param>
    /// <exception cref="ArgumentException">It cannot be read.</exception>
    public KvStoreClient(string connectionString)
        : this(new KvStoreClientSettings { ConnectionString = connectionString })
    {
    }

    internal KvStoreClient(KvStoreClientSettings settings, HttpClient http, TimeProvider time)
        : this(settings, Connect(settings, http, time), time)
    {
    }

    private KvStoreClient(KvStoreClientSettings settings, KvTransport transport, TimeProvider time)
        : base(settings.Bucket, transport, settings, time)
    {
    }

    /// <summary>Another bucket of the store; it need not be there yet.</summary>
    /// <param name="name">1 to 63 small letters, digits and hyphens.</param>
    /// <exception cref="ArgumentException">It is no name of a bucket.</exception>
    public KvBucket Bucket(string name) => Beside(name);

    /// <summary>Asks whether the store serves.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="KvStoreException">It does not, or cannot be reached.</exception>
    public async Task PingAsync(CancellationToken cancellationToken = default)
    {
        var call = new KvCall(HttpMethod.Get, Routes.Ready, "ping") { Timeout = Patience };
        using var answer = await Transport.SendAsync(call, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => Transport.Dispose();

    private static KvTransport Connect(KvStoreClientSettings settings, HttpClient http, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (string.IsNullOrWhiteSpace(settings.ConnectionString))
            throw new ArgumentException("No connection string says where the store is.", nameof(settings));
        if (settings.Timeout <= TimeSpan.Zero || settings.Timeout > KvTimeout.Max)
            throw new ArgumentException("Timeout must be more than 0 and at most a minute.", nameof(settings));
        if (settings.AttemptTimeout <= TimeSpan.Zero || settings.AttemptTimeout > KvTimeout.Max)
            throw new ArgumentException("AttemptTimeout must be more than 0 and at most a minute.", nameof(settings));
        try
        {
            var (servers, areNodes) = KvConnectionString.Read(settings.ConnectionString);
            return new KvTransport(
                http,
                areNodes ? new NodeRoutes(http, servers) : new OneDoor(servers[0]),
                settings is { DisableTracing: true, DisableMetrics: true }
                    ? null
                    : new ClientTelemetry(!settings.DisableTracing, !settings.DisableMetrics),
                settings.AttemptTimeout,
                time);
        }
        catch (FormatException wrong)
        {
            throw new ArgumentException(wrong.Message, nameof(settings), wrong);
        }
    }

    private static HttpClient NewHttp()
    {
        var handler = new SocketsHttpHandler();
        ClientHandler.Configure(handler);
        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };    // each call has its own
    }
}
