using KvStore.Client;
using KvStore.Client.Caching;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

#pragma warning disable IDE0130 // where everybody who has a builder finds it
namespace Microsoft.Extensions.Hosting;
#pragma warning restore IDE0130

/// <summary>Registers KvStore as the distributed cache.</summary>
public static class KvStoreCacheHostingExtensions
{
    private const string Section = "KvStore:Cache";

    /// <summary>
    /// Registers a bucket of a store as <see cref="IDistributedCache"/>, also for HybridCache, with a client under the
    /// key of the connection's name unless there is one. Settings come from the section <c>KvStore:Cache</c>, from that
    /// of the name within it, and from the delegate: who comes later wins.
    /// </summary>
    /// <param name="builder">The program's.</param>
    /// <param name="connectionName">The name of the connection string.</param>
    /// <param name="configureSettings">Changes the settings that were read.</param>
    /// <example><code>
    /// builder.AddKvStoreDistributedCache("kvstore");
    /// builder.Services.AddHybridCache();
    /// </code></example>
    public static void AddKvStoreDistributedCache(
        this IHostApplicationBuilder builder,
        string connectionName,
        Action<KvStoreCacheSettings>? configureSettings = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(connectionName);
        var settings = new KvStoreCacheSettings();
        var section = builder.Configuration.GetSection(Section);
        section.Bind(settings);
        section.GetSection(connectionName).Bind(settings);
        configureSettings?.Invoke(settings);
        builder.AddKvStoreClientIfAbsent(connectionName);
        Add(builder.Services, settings, services => services.GetRequiredKeyedService<KvStoreClient>(connectionName));
    }

    /// <summary>
    /// Registers a bucket of a store as <see cref="IDistributedCache"/>, on a client that is registered already.
    /// Settings come from the delegate alone: no section of a configuration is read.
    /// </summary>
    /// <param name="services">The program's.</param>
    /// <param name="configureSettings">Changes the settings.</param>
    /// <param name="clientKey">The client's key; null: it has none.</param>
    public static IServiceCollection AddKvStoreDistributedCache(
        this IServiceCollection services,
        Action<KvStoreCacheSettings>? configureSettings = null,
        object? clientKey = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        var settings = new KvStoreCacheSettings();
        configureSettings?.Invoke(settings);
        return Add(services, settings, provider => provider.GetRequiredKeyedService<KvStoreClient>(clientKey));
    }

    private static IServiceCollection Add(
        IServiceCollection services, KvStoreCacheSettings settings, Func<IServiceProvider, KvStoreClient> client) =>
        services.AddSingleton<IDistributedCache>(provider => new KvStoreDistributedCache(
            client(provider), settings, provider.GetService<TimeProvider>() ?? TimeProvider.System));
}
