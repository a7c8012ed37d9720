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
    public static Gen<Command> Any { get; } = Gen.Select(
        Gen.Int[1, 6],
        Gen.Byte.Array[0, 40],
        OneOf("", "text/plain", "application/json; charset=utf-8"),
        Gen.Long[0, 2_000_000],
        Conditions,
        RequestIds,
        Gen.Bool,
        (key, value, type, timeMs, condition, id, isPut) => isPut
            ? (Command)new Command.Put
            {
                Key = new byte[] { (byte)key },
                Value = value,
                ContentType = type,
                TimeMs = timeMs,
                Condition = condition,
                RequestId = id,
            }
            : new Command.Delete
            {
                Key = new byte[] { (byte)key },
                TimeMs = timeMs,
                Condition = condition,
                RequestId = id
            });

    public static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(at => values[at]);

    public static Command.Put Put(
        string key, string value, long timeMs = 0, Condition? condition = null, RequestId? id = null) => new()
        {
            Key = Encoding.UTF8.GetBytes(key),
            Value = Encoding.UTF8.GetBytes(value),
            ContentType = "text/plain",
            TimeMs = timeMs,
            Condition = condition,
            RequestId = id,
        };

    public static Command.Delete Delete(
        string key, long timeMs = 0, Condition? condition = null, RequestId? id = null) =>
        new() { Key = Encoding.UTF8.GetBytes(key), TimeMs = timeMs, Condition = condition, RequestId = id };

    public static RequestId ClientId(ulong number) => new(0, number, RequestIdKind.Named);

    public static RequestId HopId(ulong number) => new(0, number, RequestIdKind.Internal);

    public static RequestId TimedId(long timeMs, ulong number = 0) =>
        new(((ulong)timeMs << 16) | 0x7000, (2UL << 62) | number, RequestIdKind.Timed);

    public static Condition.VersionIn IfMatch(params KeyVersion[] versions) => new(versions.ToImmutableArray());

    /// <summary>Equal in all parts; records compare memory by where it is.</summary>
    public static void AssertEqual(Command expected, Command actual)
    {
        Assert.Equal(expected.GetType(), actual.GetType());
        Assert.Equal(expected.Key.ToArray(), actual.Key.ToArray());
        Assert.Equal(expected.TimeMs, actual.TimeMs);
        Assert.Equal(expected.RequestId, actual.RequestId);
        Assert.Equal(expected.Condition?.GetType(), actual.Condition?.GetType());
        if (expected.Condition is Condition.VersionIn versions)
            Assert.Equal(versions.Versions, ((Condition.VersionIn)actual.Condition!).Versions);
        if (expected is not Command.Put put)
            return;
        Assert.Equal(put.Value.ToArray(), ((Command.Put)actual).Value.ToArray());
        Assert.Equal(put.ContentType, ((Command.Put)actual).ContentType);
    }
}
