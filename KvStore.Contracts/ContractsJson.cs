using System.Text.Json.Serialization;

namespace KvStore.Contracts;

/// <summary>How every record of the API is written as JSON: camelCase, absent rather than null.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(EntryResponse))]
[JsonSerializable(typeof(EntryMetaResponse))]
[JsonSerializable(typeof(DeleteResponse))]
[JsonSerializable(typeof(NodeStatus))]
[JsonSerializable(typeof(ClusterStatus))]
[JsonSerializable(typeof(ViewDocument))]
[JsonSerializable(typeof(JoinRequest))]
[JsonSerializable(typeof(ClusterHealth))]
[JsonSerializable(typeof(FaultsDocument))]
[JsonSerializable(typeof(BucketResponse))]
[JsonSerializable(typeof(BucketListResponse))]
[JsonSerializable(typeof(KeyListResponse))]
[JsonSerializable(typeof(KeyListItem))]
[JsonSerializable(typeof(KeyListEnd))]
[JsonSerializable(typeof(ExportCursor))]
[JsonSerializable(typeof(ImportResponse))]
[JsonSerializable(typeof(ImportRefusal))]
[JsonSerializable(typeof(OperationResponse))]
[JsonSerializable(typeof(RangeCountResponse))]
[JsonSerializable(typeof(RangeDeleteResponse))]
public sealed partial class ContractsJson : JsonSerializerContext;
