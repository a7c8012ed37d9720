namespace KvStore.Client.OutputCaching;

/// <summary>How a store serves as an output cache.</summary>
public sealed class KvStoreOutputCacheSettings
{
    /// <summary>
    /// The bucket that the cache has for itself; it is made when something is first stored in it. Applications that
    /// name the same one share their entries.
    /// </summary>
    public string Bucket { get; set; } = "output-cache";

    /// <summary>
    /// How long a page may wait for each request to the store, when it is looked up or stored: more than 0, at most a
    /// minute. While the store cannot be reached, each page is made without it after that time. Requests of an
    /// eviction, which is no page, take as long as any call of the client.
    /// </summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(1);
}
