using System.Collections.Immutable;
using System.Text;
using CsCheck;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Tests.Core.State;

/// <summary>Commands to test with: written out, and drawn.</summary>
internal static class Commands
{
    private static readonly Gen<KeyVersion> Versions =
        Gen.Select(
            Gen.Long[0, 3], Gen.Long[0, 50], (term, index) => new KeyVersion(new Term(term), new LogIndex(index)));

    private static readonly Gen<Condition?> Conditions = Gen.OneOf(
        Gen.Const((Condition?)null),
        Gen.Const((Condition?)new Condition.Exists()),
        Gen.Const((Condition?)new Condition.Absent()),
        Versions.Array[1, CommandFormat.MaxVersions].Select(list => (Condition?)new Condition.VersionIn([.. list])));

    private static readonly Gen<RequestId?> RequestIds = Gen.OneOf(
        Gen.Const((RequestId?)null),
        Gen.Select(Gen.ULong[0, 3], Gen.ULong[0, 3], Gen.Bool, (high, low, isInternal) => (RequestId?)new RequestId(
            high, low, isInternal ? RequestIdKind.Internal : RequestIdKind.Named)),
        Gen.Select(Gen.Long[1, 5], Gen.ULong[0, 2], (timeMs, number) => (RequestId?)TimedId(timeMs, number)));

    /// <summary>Few keys and ids, so that commands meet.</summary>
    public static Gen<Command.Change> Any { get; } = Gen.Select(
        Gen.Int[1, 6],
        Gen.Byte.Array[0, 40],
        OneOf("", "text/plain", "application/json; charset=utf-8"),
        Gen.Long[0, 2_000_000],
        Conditions,
        RequestIds,
        Gen.Bool,
        (key, value, type, timeMs, condition, id, isPut) => Of(
            isPut
                ? new Operation.Put
                {
                    Key = new byte[] { (byte)key },
                    Value = value,
                    ContentType = type,
                    Condition = condition,
                }
                : new Operation.Delete { Key = new byte[] { (byte)key }, Condition = condition },
            timeMs,
            id));

    public static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(at => values[at]);

    public static Command.Change Put(
        string key,
        string value,
        long timeMs = 0,
        Condition? condition = null,
        RequestId? id = null,
        string type = "text/plain",
        Ttl ttl = default) =>
        Of(PutOf(key, value, condition, type, ttl), timeMs, id);

    public static Command.Change Delete(
        string key, long timeMs = 0, Condition? condition = null, RequestId? id = null) =>
        Of(new Operation.Delete { Key = Encoding.UTF8.GetBytes(key), Condition = condition }, timeMs, id);

    public static Operation.Put PutOf(
        string key, string value, Condition? condition = null, string type = "text/plain", Ttl ttl = default) => new()
        {
            Key = Encoding.UTF8.GetBytes(key),
            Value = Encoding.UTF8.GetBytes(value),
            ContentType = type,
            Condition = condition,
            Ttl = ttl,
        };

    public static Command.Change Of(
        Operation operation, long timeMs = 0, RequestId? id = null, BucketId? bucket = null) => new()
        {
            TimeMs = timeMs,
            RequestId = id,
            Bucket = bucket ?? BucketId.Default,
            Operation = operation,
        };

    public static RequestId ClientId(ulong number) => new(0, number, RequestIdKind.Named);

    public static RequestId HopId(ulong number) => new(0, number, RequestIdKind.Internal);

    public static RequestId TimedId(long timeMs, ulong number = 0) =>
        new(((ulong)timeMs << 16) | 0x7000, (2UL << 62) | number, RequestIdKind.Timed);

    public static Condition.VersionIn IfMatch(params KeyVersion[] versions) => new(versions.ToImmutableArray());

    /// <summary>Equal in all parts; records compare memory by where it is.</summary>
    public static void AssertEqual(Command.Change expectedChange, Command actualCommand)
    {
        var actualChange = Assert.IsType<Command.Change>(actualCommand);
        Assert.Equal(expectedChange.TimeMs, actualChange.TimeMs);
        Assert.Equal(expectedChange.RequestId, actualChange.RequestId);
        Assert.Equal(expectedChange.Bucket, actualChange.Bucket);
        var (expected, actual) = (expectedChange.Operation, actualChange.Operation);
        Assert.Equal(expected.GetType(), actual.GetType());
        Assert.Equal(expected.Key.ToArray(), actual.Key.ToArray());
        Assert.Equal(expected.Condition?.GetType(), actual.Condition?.GetType());
        if (expected.Condition is Condition.VersionIn versions)
            Assert.Equal(versions.Versions, ((Condition.VersionIn)actual.Condition!).Versions);
        if (expected is not Operation.Put put)
            return;
        Assert.Equal(put.Value.ToArray(), ((Operation.Put)actual).Value.ToArray());
        Assert.Equal(put.ContentType, ((Operation.Put)actual).ContentType);
        Assert.Equal(put.Metadata.ToArray(), ((Operation.Put)actual).Metadata.ToArray());
        Assert.Equal(put.Ttl, ((Operation.Put)actual).Ttl);
    }
}
