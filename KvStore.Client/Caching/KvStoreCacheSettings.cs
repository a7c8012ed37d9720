using KvStore.Contracts;

namespace KvStore.Client.Caching;

/// <summary>How a store serves as a distributed cache.</summary>
public sealed class KvStoreCacheSettings
{
    /// <summary>
    /// The bucket that the cache has for itself; it is made when something is first stored in it. Programs that name
    /// the same one share their entries.
    /// </summary>
    public string Bucket { get; set; } = "cache";

    /// <summary>
    /// What reads promise; null: as the client, or the bucket, has it, and strong where neither says. A weaker word
    /// spares a read its round between the nodes, and may for a moment give what was replaced or removed.
    /// </summary>
    public Consistency? Consistency { get; set; }

    /// <summary>
    /// How long a method that is not asynchronous may block its thread for each request to the store: more than 0, at
    /// most a minute.
    /// </summary>
    public TimeSpan SynchronousTimeout { get; set; } = TimeSpan.FromSeconds(2);
}
