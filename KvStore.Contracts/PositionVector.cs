using System.Buffers.Binary;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;

namespace KvStore.Contracts;

/// <summary>
/// A moment in the life of a bucket: of each partition, the log index of the last command that counts. The cursor of a
/// watch and the snapshot of a list are its text. Immutable. Clients keep the text and send it back, and look into it
/// no more than into an entity tag; the bytes are in docs/formats.md.
/// </summary>
public sealed class PositionVector
{
    /// <summary>The most partitions of a cluster.</summary>
    public const int MaxPartitions = 4096;

    private const byte Version = 1;
    private const int HeadBytes = 1 + sizeof(ulong) + sizeof(uint);

    private readonly long[] _indexes;

    /// <param name="clusterId">The cluster whose indexes these are.</param>
    /// <param name="bucket">The id of the bucket: another one has the name after a drop.</param>
    /// <param name="indexes">For each partition of the cluster its log index, from 0; they are copied.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are none or too many, or one is below 0.</exception>
    public PositionVector(ulong clusterId, uint bucket, ReadOnlySpan<long> indexes)
    {
        ArgumentOutOfRangeException.ThrowIfZero(indexes.Length, nameof(indexes));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(indexes.Length, MaxPartitions, nameof(indexes));
        foreach (var index in indexes)
            ArgumentOutOfRangeException.ThrowIfNegative(index, nameof(indexes));
        (ClusterId, Bucket, _indexes) = (clusterId, bucket, indexes.ToArray());
    }

    /// <summary>The cluster.</summary>
    public ulong ClusterId { get; }

    /// <summary>The bucket's id.</summary>
    public uint Bucket { get; }

    /// <summary>By partition: the index of the last command that counts; 0: none does.</summary>
    public ReadOnlySpan<long> Indexes => _indexes;

    /// <summary>The text: base64url without padding.</summary>
    public string Format() => Format(ClusterId, Bucket, _indexes);

    /// <summary>The text of a vector that is not made for it alone.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are none or too many.</exception>
    public static string Format(ulong clusterId, uint bucket, ReadOnlySpan<long> indexes)
    {
        ArgumentOutOfRangeException.ThrowIfZero(indexes.Length, nameof(indexes));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(indexes.Length, MaxPartitions, nameof(indexes));
        var most = MaxBytes(indexes.Length);
        var bytes = most <= 1024 ? stackalloc byte[most] : new byte[most];
        bytes[0] = Version;
        BinaryPrimitives.WriteUInt64BigEndian(bytes[1..], clusterId);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[(1 + sizeof(ulong))..], bucket);
        var least = long.MaxValue;
        foreach (var index in indexes)
            least = Math.Min(least, index);
        var length = HeadBytes;
        length += IndexFormat.Write((ulong)indexes.Length, bytes[length..]);
        length += IndexFormat.Write((ulong)least, bytes[length..]);
        foreach (var index in indexes)
            length += IndexFormat.Write((ulong)(index - least), bytes[length..]);
        return Base64Url.EncodeToString(bytes[..length]);
    }

    /// <summary>Reads a text; false for anything that <see cref="Format()"/> does not write.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out PositionVector? vector)
    {
        ArgumentNullException.ThrowIfNull(text);
        vector = null;
        if (text.Length > Base64Url.GetEncodedLength(MaxBytes(MaxPartitions)) || !Base64Url.IsValid(text))
            return false;
        ReadOnlySpan<byte> bytes = Base64Url.DecodeFromChars(text);
        if (bytes.Length < HeadBytes || bytes[0] != Version)
            return false;
        var clusterId = BinaryPrimitives.ReadUInt64BigEndian(bytes[1..]);
        var bucket = BinaryPrimitives.ReadUInt32BigEndian(bytes[(1 + sizeof(ulong))..]);
        if (ReadIndexes(bytes[HeadBytes..]) is not { } indexes)
            return false;
        PositionVector read = new(clusterId, bucket, indexes);
        vector = read.Format() == text ? read : null;    // one vector, one text
        return vector is not null;
    }

    private static int MaxBytes(int partitions) => HeadBytes + (2 + partitions) * IndexFormat.MaxBytes;

    private static long[]? ReadIndexes(ReadOnlySpan<byte> bytes)
    {
        if (!IndexFormat.TryRead(ref bytes, out var count)
            || count is 0 or > MaxPartitions
            || !IndexFormat.TryRead(ref bytes, out var least))
            return null;
        var indexes = new long[count];
        for (var partition = 0; partition < indexes.Length; partition++)
        {
            if (!IndexFormat.TryRead(ref bytes, out var above) || least + above > long.MaxValue)
                return null;
            indexes[partition] = (long)(least + above);
        }

        return bytes.IsEmpty ? indexes : null;
    }
}
