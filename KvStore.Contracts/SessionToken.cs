using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace KvStore.Contracts;

/// <summary>
/// What a session has seen: of each partition that it touched, up to which log index. Immutable. Clients keep its text
/// and send it back, and look into it no more than into an entity tag; the bytes are in docs/formats.md.
/// </summary>
public sealed class SessionToken
{
    /// <summary>
    /// The most partitions in one token, so that its text stays below 8 KiB. A token that has as many takes in no
    /// other: of the rest, only the primary is new enough for certain.
    /// </summary>
    public const int MaxPartitions = 512;

    /// <summary>Stands for "only a strong read will do".</summary>
    public const long Unknown = long.MaxValue;

    private const byte Version = 1;
    private const int HeadBytes = 1 + sizeof(ulong);
    private const int MaxEntryBytes = 5 + IndexFormat.MaxBytes;
    private const int MaxBytes = HeadBytes + MaxPartitions * MaxEntryBytes;

    private readonly ImmutableArray<(int Partition, long Index)> _seen;    // partitions ascend

    private SessionToken(ulong clusterId, ImmutableArray<(int Partition, long Index)> seen) =>
        (ClusterId, _seen) = (clusterId, seen);

    /// <summary>The cluster whose indexes these are.</summary>
    public ulong ClusterId { get; }

    /// <summary>The largest partition number in it; -1 when it has none.</summary>
    public int LastPartition => _seen.IsEmpty ? -1 : _seen[^1].Partition;

    /// <summary>A session that has seen nothing yet.</summary>
    public static SessionToken Empty(ulong clusterId) => new(clusterId, []);

    /// <summary>
    /// The index that a state of the partition must contain: 0 when it was not touched, <see cref="Unknown"/> when that
    /// cannot be told.
    /// </summary>
    public long IndexOf(int partition)
    {
        var at = Find(partition);
        return at >= 0 ? _seen[at].Index : _seen.Length < MaxPartitions ? 0 : Unknown;
    }

    /// <summary>The token after something was seen that a state with this index contains.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The partition is below 0.</exception>
    public SessionToken Seen(int partition, long index) => SetTo(partition, index, isAll: false);

    /// <summary>
    /// The token after a strong read: its index says all, also where an earlier one was of a write that was lost.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The partition is below 0.</exception>
    public SessionToken SeenAll(int partition, long index) => SetTo(partition, index, isAll: true);

    /// <summary>The token of who has seen what both stand for.</summary>
    /// <exception cref="ArgumentException">The other one is of another cluster.</exception>
    public SessionToken With(SessionToken other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (other.ClusterId != ClusterId)
            throw new ArgumentException("It is a token of another cluster.", nameof(other));
        var both = this;
        foreach (var (partition, index) in other._seen)
            both = both.Seen(partition, index);
        return both;
    }

    /// <summary>The token's text: base64url without padding.</summary>
    public string Format()
    {
        Span<byte> bytes = _seen.Length <= 8 ? stackalloc byte[HeadBytes + 8 * MaxEntryBytes] : new byte[MaxBytes];
        bytes[0] = Version;
        BinaryPrimitives.WriteUInt64BigEndian(bytes[1..], ClusterId);
        var length = HeadBytes;
        var next = 0;
        foreach (var (partition, index) in _seen)
        {
            length += IndexFormat.Write((ulong)(partition - next), bytes[length..]);
            length += IndexFormat.Write((ulong)index, bytes[length..]);
            next = partition + 1;
        }

        return Base64Url.EncodeToString(bytes[..length]);
    }

    /// <summary>Reads a text; false for anything that <see cref="Format"/> does not write.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out SessionToken? token)
    {
        ArgumentNullException.ThrowIfNull(text);
        token = null;
        if (text.Length > Base64Url.GetEncodedLength(MaxBytes) || !Base64Url.IsValid(text))
            return false;
        ReadOnlySpan<byte> bytes = Base64Url.DecodeFromChars(text);
        if (bytes.Length < HeadBytes || bytes[0] != Version)
            return false;
        var clusterId = BinaryPrimitives.ReadUInt64BigEndian(bytes[1..]);
        if (ReadSeen(bytes[HeadBytes..]) is not { } seen)
            return false;
        SessionToken read = new(clusterId, seen);
        token = read.Format() == text ? read : null;    // one token, one text
        return token is not null;
    }

    private static ImmutableArray<(int Partition, long Index)>? ReadSeen(ReadOnlySpan<byte> bytes)
    {
        var seen = ImmutableArray.CreateBuilder<(int Partition, long Index)>();
        var next = 0L;
        while (!bytes.IsEmpty)
        {
            if (seen.Count == MaxPartitions
                || !IndexFormat.TryRead(ref bytes, out var skipped)
                || !IndexFormat.TryRead(ref bytes, out var index)
                || skipped >= int.MaxValue || next + (long)skipped >= int.MaxValue
                || index is 0 or >= Unknown)
                return null;
            seen.Add(((int)(next + (long)skipped), (long)index));
            next += (long)skipped + 1;
        }

        return seen.DrainToImmutable();
    }

    private SessionToken SetTo(int partition, long index, bool isAll)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(partition);
        var at = Find(partition);
        if (at >= 0)
        {
            var known = _seen[at].Index;
            return index == known || index < 1 || (index < known && !isAll)
                ? this
                : new(ClusterId, _seen.SetItem(at, (partition, index)));
        }

        return index < 1 || _seen.Length == MaxPartitions
            ? this
            : new(ClusterId, _seen.Insert(~at, (partition, index)));
    }

    private int Find(int partition)
    {
        var (low, high) = (0, _seen.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (_seen[middle].Partition == partition)
                return middle;
            if (_seen[middle].Partition < partition)
                low = middle + 1;
            else
                high = middle - 1;
        }

        return ~low;
    }
}
