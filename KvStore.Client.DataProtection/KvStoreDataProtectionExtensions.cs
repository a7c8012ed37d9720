using KvStore.Client;
using KvStore.Client.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

#pragma warning disable IDE0130 // where everybody who has the builder finds it
namespace Microsoft.AspNetCore.DataProtection;
#pragma warning restore IDE0130

/// <summary>Keeps the keys of data protection in a store.</summary>
public static class KvStoreDataProtectionExtensions
{
    private const string DefaultPrefix = "data-protection/";

    /// <summary>
    /// Keeps the keys in the store whose <see cref="KvStoreClient"/> is registered, in the client's bucket.
    /// </summary>
    /// <param name="builder">The application's.</param>
    /// <param name="prefix">
    /// What their keys in the store begin with, up to a slash (which is added where it has none); applications that
    /// share keys share it.
    /// </param>
    /// <param name="clientKey">The client's key; null: it has none.</param>
    /// <example><code>
    /// builder.AddKvStoreClient("kvstore");
    /// builder.Services.AddDataProtection().SetApplicationName("shop").PersistKeysToKvStore();
    /// </code></example>
    public static IDataProtectionBuilder PersistKeysToKvStore(
        this IDataProtectionBuilder builder, string prefix = DefaultPrefix, object? clientKey = null) =>
        Add(builder, services => services.GetRequiredKeyedService<KvStoreClient>(clientKey), prefix);

    /// <summary>Keeps the keys in a bucket.</summary>
    /// <param name="builder">The application's.</param>
    /// <param name="bucket">The bucket, which must be there.</param>
    /// <param name="prefix">
    /// What their keys in the store begin with, up to a slash (which is added where it has none); applications that
    /// share keys share it.
    /// </param>
    public static IDataProtectionBuilder PersistKeysToKvStore(
        this IDataProtectionBuilder builder, KvBucket bucket, string prefix = DefaultPrefix)
    {
        ArgumentNullException.ThrowIfNull(bucket);
        return Add(builder, _ => bucket, prefix);
    }

    private static IDataProtectionBuilder Add(
        IDataProtectionBuilder builder, Func<IServiceProvider, KvBucket> bucket, string prefix)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        builder.Services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(services =>
            new ConfigureOptions<KeyManagementOptions>(options =>
                options.XmlRepository = new KvStoreXmlRepository(bucket(services), prefix)));
        return builder;
    }
}
