using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using KvStore.Contracts;

namespace KvStore.Cli.Cluster;

/// <summary>
/// A cluster as it looks from here: what its door says of it, and what each node says of itself. What
/// <c>kv status -o json</c> prints; it begins with what a balancer's <c>/health</c> says.
/// </summary>
internal sealed record ClusterPicture
{
    /// <summary>What is said while nobody answers any more.</summary>
    public const string Unreachable = "unreachable";

    /// <summary>As in <see cref="ClusterHealth"/>, or <see cref="Unreachable"/>.</summary>
    public required string Status { get; init; }

    public ImmutableArray<NodePicture> Nodes { get; init; } = [];

    /// <summary>Version of the cluster's view; 0 while none is known.</summary>
    public long Epoch { get; init; }

    public string? ClusterId { get; init; }

    /// <summary>Copies of each partition.</summary>
    public int? ReplicationFactor { get; init; }

    /// <summary>The partitions in order; absent while no node tells of the cluster.</summary>
    public ImmutableArray<PartitionPicture>? Ring { get; init; }

    /// <summary>What is wrong, a sentence each; empty when nothing is.</summary>
    public ImmutableArray<string> Problems { get; init; } = [];

    /// <summary>What the node that was asked says of itself; null when a balancer was.</summary>
    [JsonIgnore]
    public NodeStatus? Door { get; init; }
}

/// <summary>One node; what only it can say is absent where it cannot be asked from here.</summary>
internal sealed record NodePicture
{
    /// <summary>Absent until it told it.</summary>
    public string? Name { get; init; }

    /// <summary>Absent while nobody knows where it is.</summary>
    public string? Url { get; init; }

    /// <summary><c>up</c>, <c>down</c>, or what it says of itself when that is not <c>serving</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Partitions whose primary it is believed to be.</summary>
    public required int Primaries { get; init; }

    /// <summary>Partitions that it follows.</summary>
    public int? Backups { get; init; }

    /// <summary>Entries that its copies lack, as far as the primaries can be asked.</summary>
    public long? LagEntries { get; init; }

    /// <summary>How long it has been down; absent while it is up, or was never seen.</summary>
    public double? DownSeconds { get; init; }

    public string? Version { get; init; }

    /// <summary><c>ok</c>, or <c>low</c> while it has no room for new values.</summary>
    public string? Disk { get; init; }

    /// <summary>Keys in all its copies.</summary>
    public long? Keys { get; init; }

    /// <summary>Bytes of keys and values in all its copies.</summary>
    public long? Bytes { get; init; }

    /// <summary>Bytes of its write-ahead log.</summary>
    public long? LogBytes { get; init; }

    public double? UptimeSeconds { get; init; }

    /// <summary>Requests since it started.</summary>
    public long? Requests { get; init; }

    /// <summary>What it waits for.</summary>
    public string? Detail { get; init; }

    /// <summary>Whether it answers there.</summary>
    [JsonIgnore]
    public bool IsUp => Status != NodeStates.Down;
}

/// <summary>One partition.</summary>
/// <param name="Primary">The name of the node that leads it; absent: none that is up is known.</param>
/// <param name="Replicas">The names of the nodes that keep a copy, the preferred primary first.</param>
/// <param name="Up">How many of these are up.</param>
internal sealed record PartitionPicture(string? Primary, ImmutableArray<string> Replicas, int Up)
{
    /// <summary>Whether enough are up to elect a primary and to commit.</summary>
    [JsonIgnore]
    public bool HasMajority => Up > Replicas.Length / 2;
}

/// <summary>What a node can be, as <see cref="NodeHealth"/> and <see cref="NodeStatus"/> have it.</summary>
internal static class NodeStates
{
    public const string Up = "up";
    public const string Down = "down";
    public const string Serving = "serving";
}

/// <summary>How these are written: camelCase, absent rather than null, one line each.</summary>
[JsonSerializable(typeof(ClusterPicture))]
[JsonSerializable(typeof(NodePicture))]
internal sealed partial class ClusterJson : JsonSerializerContext
{
    /// <summary>Letters beyond ASCII stand for themselves.</summary>
    public static ClusterJson Lines { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
