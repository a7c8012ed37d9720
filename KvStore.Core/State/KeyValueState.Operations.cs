using System.Buffers.Text;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>What each operation does to a key.</summary>
public sealed partial class KeyValueState
{
    private const string Json = "application/json";
    private const int LongestNumber = 20;    // digits of a 64-bit integer and its sign

    private ItemResult Perform(ref StateImage image, BucketId bucket, Operation operation, KeyVersion version)
    {
        RemoveIfExpired(ref image, bucket, operation.Key);
        var stored = image.FindStored(bucket, operation.Key.Span);
        if (!IsMet(operation.Condition, stored))
            return new(WriteStatus.VersionMismatch, stored?.Version ?? KeyVersion.None, 0, stored);
        switch (operation)
        {
            case Operation.Put put:
                return Store(ref image, bucket, put.Key, put.Ttl, stored, new StoredEntry
                {
                    Value = put.Value,
                    ContentType = put.ContentType,
                    Metadata = put.Metadata,
                    Version = version,
                    CreatedMs = image.TimeMs,
                    ModifiedMs = image.TimeMs,
                });
            case Operation.Increment increment:
                return Add(ref image, bucket, increment, stored, version);
            case var _ when stored is null:
                return new(WriteStatus.NotFound, KeyVersion.None, 0, null);
            case Operation.Get:
                return new(WriteStatus.Found, stored.Version, 0, stored);
            case Operation.Delete:
                Remove(ref image, bucket, operation.Key, stored, KeyChangeKind.Delete);
                return new(WriteStatus.Deleted, version, 0, null);
            case Operation.Touch touch:
                return Store(ref image, bucket, touch.Key, touch.Ttl, stored, stored with { Version = version });
            case Operation.Merge merge:
                return Patch(ref image, bucket, merge, stored, version);
            default:
                throw new InvalidDataException("An operation of no known kind.");
        }
    }

    private ItemResult Store(
        ref StateImage image,
        BucketId bucket,
        ReadOnlyMemory<byte> key,
        Ttl ttl,
        StoredEntry? replaced,
        StoredEntry entry)
    {
        entry = entry with
        {
            CreatedMs = replaced?.CreatedMs ?? image.TimeMs,
            ExpiresMs = ttl.Kind switch
            {
                TtlKind.After => image.TimeMs + ttl.Ms,
                TtlKind.Keep => replaced?.ExpiresMs ?? 0,
                TtlKind.KeepOrAfter => replaced?.ExpiresMs ?? image.TimeMs + ttl.Ms,
                TtlKind.Until => ttl.Ms,
                _ => 0,
            },
        };
        image = image.With(bucket, key, entry, replaced);
        _changes.Add(new KeyChange(bucket, key, KeyChangeKind.Put, entry));
        return new(replaced is null ? WriteStatus.Created : WriteStatus.Replaced, entry.Version, 0, entry);
    }

    private ItemResult Add(
        ref StateImage image,
        BucketId bucket,
        Operation.Increment increment,
        StoredEntry? stored,
        KeyVersion version)
    {
        var number = increment.Initial;
        if (stored is not null
            && (!Utf8Parser.TryParse(stored.Value.Span, out number, out var read) || read != stored.Value.Length))
            return new(WriteStatus.NotANumber, stored.Version, 0, stored);
        var sum = (Int128)number + increment.By;
        if (sum < long.MinValue || sum > long.MaxValue)
            return new(WriteStatus.NumberOverflow, stored?.Version ?? KeyVersion.None, 0, stored);
        var digits = new byte[LongestNumber];
        Utf8Formatter.TryFormat((long)sum, digits, out var length);
        var item = Store(ref image, bucket, increment.Key, increment.Ttl, stored, new StoredEntry
        {
            Value = digits.AsMemory(0, length),
            ContentType = stored?.ContentType ?? Json,
            Metadata = stored?.Metadata ?? default,
            Version = version,
            CreatedMs = image.TimeMs,
            ModifiedMs = image.TimeMs,
        });
        return item with { Number = (long)sum };
    }

    private ItemResult Patch(
        ref StateImage image, BucketId bucket, Operation.Merge merge, StoredEntry stored, KeyVersion version)
    {
        if (MergePatch.Apply(stored.Value, merge.Patch) is not { } patched)
            return new(WriteStatus.NotJson, stored.Version, 0, stored);
        if (patched.Length > merge.MaxValueBytes)
            return new(WriteStatus.TooLarge, stored.Version, 0, stored);
        return Store(ref image, bucket, merge.Key, merge.Ttl, stored, stored with
        {
            Value = patched,
            Version = version,
            ModifiedMs = image.TimeMs,
        });
    }

    private void RemoveIfExpired(ref StateImage image, BucketId bucket, ReadOnlyMemory<byte> key)
    {
        if (image.FindStored(bucket, key.Span) is { } stored && stored.IsExpiredAt(image.TimeMs))
            Remove(ref image, bucket, key, stored, KeyChangeKind.Expire);
    }

    private void Remove(
        ref StateImage image, BucketId bucket, ReadOnlyMemory<byte> key, StoredEntry entry, KeyChangeKind kind)
    {
        image = image.Without(bucket, key, entry);
        _changes.Add(new KeyChange(bucket, key, kind, entry));
    }

    private static bool IsMet(Condition? condition, StoredEntry? current) => condition switch
    {
        null => true,
        Condition.Exists => current is not null,
        Condition.Absent => current is null,
        Condition.VersionIn versions => current is not null && versions.Versions.Contains(current.Version),
        Condition.VersionIs version => IsMet(
            version.Comparison, (current?.Version.Index ?? LogIndex.Zero).CompareTo(version.Index)),
        Condition.ValueIs value => current is not null
            && (current.Value.Span.SequenceEqual(value.Value.Span)
                || MergePatch.MeanTheSame(current.Value, value.Value)),
        _ => throw new InvalidDataException("A condition of no known kind."),
    };

    private static bool IsMet(Comparison comparison, int order) => comparison switch
    {
        Comparison.Equal => order == 0,
        Comparison.NotEqual => order != 0,
        Comparison.Greater => order > 0,
        _ => order < 0,
    };
}
