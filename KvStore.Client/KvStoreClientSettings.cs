using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>How a client finds its store, and what it does unless a call says otherwise.</summary>
public sealed class KvStoreClientSettings
{
    /// <summary>
    /// Where the store is: an address such as <c>http://localhost:9000</c>, that of a balancer or of any node; or
    /// <c>Endpoint=ADDRESS</c>; or <c>Endpoints=ADDRESS,ADDRESS,...</c>, the nodes themselves: then the client finds
    /// the node of each key by itself, which saves a hop.
    /// </summary>
    public string? ConnectionString { get; set; }

    /// <summary>The bucket that the client itself stands for.</summary>
    public string Bucket { get; set; } = BucketName.Default;

    /// <summary>How long all tries of a call may take together: more than 0, at most a minute.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long one try may take; the next one may go to another node. More than what a failover takes, or else a write
    /// is asked for twice for nothing.
    /// </summary>
    public TimeSpan AttemptTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>What reads promise that say nothing else; null: as the bucket has it.</summary>
    public Consistency? Consistency { get; set; }

    /// <summary>
    /// How values become JSON. With a <see cref="JsonSerializerOptions.TypeInfoResolver"/> made at build time nothing
    /// is looked up by reflection.
    /// </summary>
    public JsonSerializerOptions SerializerOptions { get; set; } = JsonSerializerOptions.Web;

    /// <summary>Whether no health check is registered.</summary>
    public bool DisableHealthChecks { get; set; }

    /// <summary>Whether no traces are made.</summary>
    public bool DisableTracing { get; set; }

    /// <summary>Whether nothing is measured.</summary>
    public bool DisableMetrics { get; set; }
}
