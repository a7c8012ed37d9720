using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace KvStore.Balancer.Api;

/// <summary>Answer to <c>GET /health</c>.</summary>
/// <param name="Status"><c>healthy</c>, <c>degraded</c> or <c>unavailable</c>.</param>
/// <param name="Nodes">Every configured node.</param>
/// <param name="Epoch">Version of the cluster's view; 0 while none is known.</param>
internal sealed record HealthResponse(string Status, ImmutableArray<NodeHealth> Nodes, long Epoch);

/// <summary>A node as the balancer sees it.</summary>
/// <param name="Name">Absent until it told it.</param>
/// <param name="Url">Where it was looked for.</param>
/// <param name="Status"><c>up</c>, <c>down</c>, or what it says of itself when that is not <c>serving</c>.</param>
/// <param name="Primaries">Partitions whose primary it is believed to be.</param>
internal sealed record NodeHealth(string? Name, string Url, string Status, int Primaries);

/// <summary>Answer to <c>GET /</c>.</summary>
internal sealed record BalancerStatus(string Product, string Role, string Version, Links Links);

/// <summary>Where things are.</summary>
internal sealed record Links(string Keys, string Health, string Cluster);

/// <summary>Answer to <c>GET /ready</c>.</summary>
internal sealed record Readiness(string Status);

/// <summary>How these are written: camelCase, absent rather than null.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(HealthResponse))]
[JsonSerializable(typeof(BalancerStatus))]
[JsonSerializable(typeof(Readiness))]
internal sealed partial class StatusJson : JsonSerializerContext;
