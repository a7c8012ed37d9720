using System.Text.Json.Serialization;

namespace KvStore.Balancer.Api;

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
[JsonSerializable(typeof(BalancerStatus))]
[JsonSerializable(typeof(Readiness))]
internal sealed partial class StatusJson : JsonSerializerContext;
