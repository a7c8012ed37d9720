using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Tests;

/// <summary>Most tests have one bucket.</summary>
internal static class DefaultBucket
{
    public static StoredEntry? Find(this StateImage image, ReadOnlySpan<byte> key) =>
        image.Find(BucketId.Default, key);

    public static IEnumerable<KeyValuePair<ReadOnlyMemory<byte>, StoredEntry>> From(
        this StateImage image, ReadOnlyMemory<byte> start) => image.From(BucketId.Default, start);
}
