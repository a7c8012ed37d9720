using KvStore.Client.Configuration;

#pragma warning disable IDE0130 // where everybody who builds a configuration finds it
namespace Microsoft.Extensions.Configuration;
#pragma warning restore IDE0130

/// <summary>Adds KvStore to the sources of a configuration.</summary>
public static class KvStoreConfigurationExtensions
{
    /// <summary>
    /// Adds the keys under a prefix as settings, which follow the changes of the keys: <c>app/a/b</c> is <c>a:b</c>.
    /// </summary>
    /// <param name="builder">The configuration's.</param>
    /// <param name="connectionString">Where the store is.</param>
    /// <param name="prefix">Under what the keys stand; empty: all keys of the bucket.</param>
    /// <param name="configureSource">Changes the source.</param>
    /// <example><code>
    /// builder.Configuration.AddKvStore(builder.Configuration.GetConnectionString("kvstore")!, "shop");
    /// </code></example>
    public static IConfigurationBuilder AddKvStore(
        this IConfigurationBuilder builder,
        string connectionString,
        string prefix = "",
        Action<KvStoreConfigurationSource>? configureSource = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(connectionString);
        ArgumentNullException.ThrowIfNull(prefix);
        var source = new KvStoreConfigurationSource { ConnectionString = connectionString, Prefix = prefix };
        configureSource?.Invoke(source);
        return builder.Add(source);
    }
}
