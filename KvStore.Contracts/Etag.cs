namespace KvStore.Contracts;

/// <summary>The version that an entity tag of this store stands for.</summary>
/// <param name="ClusterId">Whose version it is: one of another cluster is well formed and matches nothing here.</param>
/// <param name="Term">The term of the write, 1 and up.</param>
/// <param name="Index">The log index of the write, 1 and up.</param>
public readonly record struct Etag(ulong ClusterId, long Term, long Index);
