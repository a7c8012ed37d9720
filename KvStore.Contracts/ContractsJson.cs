using System.Text.Json.Serialization;

namespace KvStore.Contracts;

/// <summary>
/// How every record of the API is written as JSON: camelCase, absent rather than null. A value of 64 levels, which
/// is shown as JSON, may stand within others of lists and batches.
/// </summary>
[JsonSourceGenerationOptions(
    MaxDepth = 128,
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
[JsonSerializable(typeof(SnapshotResponse))]
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
[JsonSerializable(typeof(EntryRequest))]
[JsonSerializable(typeof(IncrementRequest))]
[JsonSerializable(typeof(BucketSettings))]
[JsonSerializable(typeof(BatchRequest))]
[JsonSerializable(typeof(BatchResponse))]
[JsonSerializable(typeof(TransactionRequest))]
[JsonSerializable(typeof(TransactionResponse))]
[JsonSerializable(typeof(ChangeEvent))]
[JsonSerializable(typeof(ChangesResponse))]
[JsonSerializable(typeof(BalancerStatus))]
[JsonSerializable(typeof(BalancerReadiness))]
public sealed partial class ContractsJson : JsonSerializerContext;
