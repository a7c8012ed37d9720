using KvStore.Client;
using KvStore.Client.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

#pragma warning disable IDE0130 // where everybody who has a builder finds it
namespace Microsoft.Extensions.Hosting;
#pragma warning restore IDE0130

/// <summary>Registers clients of KvStore.</summary>
public static class KvStoreClientHostingExtensions
{
    private const string Section = "KvStore:Client";

    /// <summary>
    /// Registers a <see cref="KvStoreClient"/> with its health check, traces and measurements. Settings come from the
    /// section <c>KvStore:Client</c>, from that of the name within it, from the connection string of the name, and from
    /// the delegate: who comes later wins.
    /// </summary>
    /// <remarks>
    /// Its <see cref="HttpClient"/> is that of the name <c>KvStore_{connectionName}</c>, with service discovery and
    /// without loggers. It has none of the handlers that <c>ConfigureHttpClientDefaults</c> adds to all, such as those
    /// that try again or break off: the client does that itself. What is added to that name after this call stays.
    /// </remarks>
    /// <param name="builder">The program's.</param>
    /// <param name="connectionName">The name of the connection string.</param>
    /// <param name="configureSettings">Changes the settings that were read.</param>
    /// <example><code>
    /// builder.AddKvStoreClient("kvstore");
    /// app.MapGet("/carts/{id}", async (string id, KvStoreClient store) => await store.GetAsync&lt;Cart&gt;(id));
    /// </code></example>
    public static void AddKvStoreClient(
        this IHostApplicationBuilder builder,
        string connectionName,
        Action<KvStoreClientSettings>? configureSettings = null) =>
        Add(builder, connectionName, null, configureSettings);

    /// <summary>As <see cref="AddKvStoreClient"/>, under a key: for programs that have several.</summary>
    /// <param name="builder">The program's.</param>
    /// <param name="name">The key, and the name of the connection string.</param>
    /// <param name="configureSettings">Changes the settings that were read.</param>
    public static void AddKeyedKvStoreClient(
        this IHostApplicationBuilder builder,
        string name,
        Action<KvStoreClientSettings>? configureSettings = null) =>
        Add(builder, name, name, configureSettings);

    private static void Add(
        IHostApplicationBuilder builder, string name, string? key, Action<KvStoreClientSettings>? configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        var settings = SettingsOf(builder.Configuration, name);
        configure?.Invoke(settings);
        var http = $"KvStore_{name}";
        if (builder.Properties.TryAdd((typeof(KvStoreClient), http), null!))    // what came after it would be taken off
            AddHttp(builder.Services, http);
        if (key is null)
            builder.Services.AddSingleton(services => Make(services, http, name, settings));
        else
            builder.Services.AddKeyedSingleton(key, (services, _) => Make(services, http, name, settings));
        var check = key is null ? "KvStore" : http;
        if (!settings.DisableHealthChecks && builder.Properties.TryAdd(check, null!))    // names must not come twice
        {
            builder.Services.AddHealthChecks().Add(new HealthCheckRegistration(
                check,
                services => new KvStoreHealthCheck(key is null
                    ? services.GetRequiredService<KvStoreClient>()
                    : services.GetRequiredKeyedService<KvStoreClient>(key)),
                failureStatus: null,
                tags: null));
        }

        if (!settings.DisableTracing)
            builder.Services.AddOpenTelemetry().WithTracing(traces => traces.AddSource(KvStoreClient.TelemetryName));
        if (!settings.DisableMetrics)
            builder.Services.AddOpenTelemetry().WithMetrics(meters => meters.AddMeter(KvStoreClient.TelemetryName));
    }

    /// <summary>Registers a client under the key of a connection's name unless there is one.</summary>
    internal static void AddKvStoreClientIfAbsent(this IHostApplicationBuilder builder, string connectionName)
    {
        if (!builder.Services.Any(each => each.ServiceType == typeof(KvStoreClient)
            && Equals(each.ServiceKey, connectionName)))
            builder.AddKeyedKvStoreClient(connectionName);
    }

    private static void AddHttp(IServiceCollection services, string name)
    {
        services.AddServiceDiscovery();
        services.AddHttpClient(name, client => client.Timeout = Timeout.InfiniteTimeSpan)
            .UseSocketsHttpHandler((handler, _) => ClientHandler.Configure(handler))
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
            .RemoveAllLoggers()    // they tell paths, and keys stand in them
            .ConfigureAdditionalHttpMessageHandlers(static (handlers, _) => handlers.Clear())    // of the defaults
            .AddServiceDiscovery();
    }

    private static KvStoreClientSettings SettingsOf(IConfiguration configuration, string name)
    {
        var settings = new KvStoreClientSettings();
        var section = configuration.GetSection(Section);
        Read(section, settings);
        Read(section.GetSection(name), settings);
        if (configuration.GetConnectionString(name) is { } connection)
            settings.ConnectionString = connection;
        return settings;
    }

    /// <summary>One by one: a binder would look into the options of JSON, too, and need reflection for them.</summary>
    private static void Read(IConfigurationSection section, KvStoreClientSettings into)
    {
        into.ConnectionString = section[nameof(into.ConnectionString)] ?? into.ConnectionString;
        into.Bucket = section[nameof(into.Bucket)] ?? into.Bucket;
        into.Timeout = section.GetValue(nameof(into.Timeout), into.Timeout);
        into.AttemptTimeout = section.GetValue(nameof(into.AttemptTimeout), into.AttemptTimeout);
        into.RetryShare = section.GetValue(nameof(into.RetryShare), into.RetryShare);
        into.RetryBurst = section.GetValue(nameof(into.RetryBurst), into.RetryBurst);
        into.Consistency = section.GetValue(nameof(into.Consistency), into.Consistency);
        into.DisableHealthChecks = section.GetValue(nameof(into.DisableHealthChecks), into.DisableHealthChecks);
        into.DisableTracing = section.GetValue(nameof(into.DisableTracing), into.DisableTracing);
        into.DisableMetrics = section.GetValue(nameof(into.DisableMetrics), into.DisableMetrics);
    }

    private static KvStoreClient Make(
        IServiceProvider services, string http, string name, KvStoreClientSettings settings)
    {
        if (string.IsNullOrWhiteSpace(settings.ConnectionString))
        {
            throw new InvalidOperationException(
                $"Nothing says where the store '{name}' is: set ConnectionStrings:{name}, or ConnectionString in the "
                    + $"section {Section} or {Section}:{name}.");
        }

        try
        {
            return new KvStoreClient(
                settings,
                services.GetRequiredService<IHttpClientFactory>().CreateClient(http),
                services.GetService<TimeProvider>() ?? TimeProvider.System);
        }
        catch (ArgumentException wrong)
        {
            throw new ArgumentException(
                $"The settings of the store '{name}' ({Section}, {Section}:{name}, ConnectionStrings:{name}): "
                    + wrong.Message,
                wrong);
        }
    }
}
