using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Buckets;

/// <summary>The commands by which the catalog is changed: every one is a compare-and-set of one entry.</summary>
internal static class BucketCommands
{
    /// <summary>Stores an entry in place of the version that was read; none: it must not be there.</summary>
    public static Command Store(ReadOnlyMemory<byte> key, byte[] value, KeyVersion before, TimeProvider time) =>
        Change(
            new Operation.Put
            {
                Key = key,
                Value = value,
                ContentType = BucketFormat.ContentType,
                Condition = ConditionOn(before),
            },
            time);

    /// <summary>Removes the version that was read.</summary>
    public static Command Remove(ReadOnlyMemory<byte> key, KeyVersion before, TimeProvider time) =>
        Change(new Operation.Delete { Key = key, Condition = ConditionOn(before) }, time);

    /// <summary>Closes a bucket in one partition.</summary>
    public static Command Close(BucketId bucket, TimeProvider time) =>
        new Command.CloseBucket { Bucket = bucket, TimeMs = NowMs(time) };

    /// <summary>The clock of this node, in milliseconds since 1970.</summary>
    public static long NowMs(TimeProvider time) => time.GetUtcNow().ToUnixTimeMilliseconds();

    private static Command.Change Change(Operation operation, TimeProvider time) => new()
    {
        Bucket = BucketId.Default,
        Operation = operation,
        TimeMs = NowMs(time),
    };

    private static Condition ConditionOn(KeyVersion before) =>
        before == KeyVersion.None ? new Condition.Absent() : new Condition.VersionIn([before]);
}
