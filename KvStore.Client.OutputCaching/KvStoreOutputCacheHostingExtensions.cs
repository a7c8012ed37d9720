using KvStore.Client;
using KvStore.Client.OutputCaching;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

#pragma warning disable IDE0130 // where everybody who has a builder finds it
namespace Microsoft.Extensions.Hosting;
#pragma warning restore IDE0130

/// <summary>Registers KvStore as what keeps the pages of the output cache.</summary>
public static class KvStoreOutputCacheHostingExtensions
{
    private const string Section = "KvStore:OutputCache";

    /// <summary>
    /// Adds the output cache with a bucket of a store as its <see cref="IOutputCacheStore"/>, and with a client under
    /// the key of the connection's name unless there is one. Settings come from the section <c>KvStore:OutputCache</c>,
    /// from that of the name within it, and from the delegate: who comes later wins. Policies are those of
    /// <c>AddOutputCache</c>, which may be called before or after.
    /// </summary>
    /// <param name="builder">The application's.</param>
    /// <param name="connectionName">The name of the connection string.</param>
    /// <param name="configureSettings">Changes the settings that were read.</param>
    /// <example><code>
    /// builder.AddKvStoreOutputCache("kvstore");
    /// app.UseOutputCache();
    /// </code></example>
    public static void AddKvStoreOutputCache(
        this IHostApplicationBuilder builder,
        string connectionName,
        Action<KvStoreOutputCacheSettings>? configureSettings = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(connectionName);
        var settings = new KvStoreOutputCacheSettings();
        var section = builder.Configuration.GetSection(Section);
        section.Bind(settings);
        section.GetSection(connectionName).Bind(settings);
        configureSettings?.Invoke(settings);
        builder.AddKvStoreClientIfAbsent(connectionName);
        Add(builder.Services, settings, services => services.GetRequiredKeyedService<KvStoreClient>(connectionName));
    }

    /// <summary>
    /// Adds the output cache with a bucket of a store as its <see cref="IOutputCacheStore"/>, on a client that is
    /// registered already. Settings come from the delegate alone: no section of a configuration is read.
    /// </summary>
    /// <param name="services">The application's.</param>
    /// <param name="configureSettings">Changes the settings.</param>
    /// <param name="clientKey">The client's key; null: it has none.</param>
    public static IServiceCollection AddKvStoreOutputCache(
        this IServiceCollection services,
        Action<KvStoreOutputCacheSettings>? configureSettings = null,
        object? clientKey = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        var settings = new KvStoreOutputCacheSettings();
        configureSettings?.Invoke(settings);
        return Add(services, settings, provider => provider.GetRequiredKeyedService<KvStoreClient>(clientKey));
    }

    /// <summary>
    /// The last store that was added is the one that is used, and <c>AddOutputCache</c> adds its own only where there
    /// is none.
    /// </summary>
    private static IServiceCollection Add(
        IServiceCollection services,
        KvStoreOutputCacheSettings settings,
        Func<IServiceProvider, KvStoreClient> client) =>
        services.AddOutputCache().AddSingleton<IOutputCacheStore>(
            provider => new KvStoreOutputCacheStore(client(provider), settings));
}
