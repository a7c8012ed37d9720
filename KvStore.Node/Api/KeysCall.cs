using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>A request for many keys of a bucket, read and proved.</summary>
internal sealed record KeysCall
{
    /// <summary>The keys of an answer unless it says otherwise.</summary>
    public const int DefaultLimit = 100;

    /// <summary>The most keys and prefixes of a page.</summary>
    public const int MaxLimit = 1000;

    /// <summary>Bytes of keys and values of a page; one entry that is larger comes alone.</summary>
    public const int PageBytes = 4 << 20;

    /// <summary>
    /// Bytes of keys and values that an export holds at once, as a page is to a list: as many exports as there can be
    /// snapshots hold less than a few lists do.
    /// </summary>
    public const int ExportBytes = 1 << 20;

    /// <summary>Bytes that the keys of a removal may come to.</summary>
    public const int RemovalBytes = 4 * PageBytes;

    /// <summary>The bucket.</summary>
    public required string Bucket { get; init; }

    /// <summary>The target as it came.</summary>
    public required string RawTarget { get; init; }

    /// <summary>How long it may take; a streamed list: how long the first keys may take, and all that follow.</summary>
    public TimeSpan Timeout { get; set; }

    /// <summary>What keys begin with.</summary>
    public ReadOnlyMemory<byte> Prefix { get; set; }

    /// <summary>The first key.</summary>
    public ReadOnlyMemory<byte> Start { get; set; }

    /// <summary>The key that is not listed any more; empty: no end.</summary>
    public ReadOnlyMemory<byte> End { get; set; }

    /// <summary>Behind which keys are not told apart; empty: they are.</summary>
    public ReadOnlyMemory<byte> Delimiter { get; set; }

    /// <summary>Whether a prefix, a start or an end was given, be it an empty one.</summary>
    public bool HasRange { get; set; }

    /// <summary>Whether the last key comes first.</summary>
    public bool IsDescending { get; set; }

    /// <summary>The most keys and prefixes; null: it does not say.</summary>
    public int? Limit { get; set; }

    /// <summary>Where to go on; null: at the beginning.</summary>
    public ListCursor? Cursor { get; set; }

    /// <summary>How much is told of each key.</summary>
    public ScanValues Values { get; set; }

    /// <summary>Whether all keys are counted.</summary>
    public bool IsCounted { get; set; }

    /// <summary>Of a removal: whether keys are counted only.</summary>
    public bool IsDryRun { get; set; }

    /// <summary>Of a removal: how many keys the client expects to go.</summary>
    public long? Confirmed { get; set; }

    /// <summary>Whether the answer is one line for each key.</summary>
    public bool IsStreamed { get; set; }

    /// <summary>
    /// Whether it is an export: a streamed list of all that can be imported again, with a cursor after each page.
    /// </summary>
    public bool IsExport { get; init; }

    /// <summary>How many bytes it may hold at once.</summary>
    public int BytesHeld => IsExport ? 2 * ExportBytes : Confirmed is not null || IsDryRun ? RemovalBytes : PageBytes;

    /// <summary>What is asked for, as a number: all but how many at once, and where to go on.</summary>
    public ulong Print()
    {
        var hash = new XxHash3();
        Append(hash, Encoding.UTF8.GetBytes(Bucket));
        Append(hash, Prefix.Span);
        Append(hash, Start.Span);
        Append(hash, End.Span);
        Append(hash, Delimiter.Span);
        Append(hash, [(byte)(IsDescending ? 1 : 0), (byte)Values, (byte)(IsCounted ? 1 : 0), (byte)(IsExport ? 1 : 0)]);
        return hash.GetCurrentHashAsUInt64();
    }

    /// <summary>The whole list, or what follows the cursor, at most so many keys of it.</summary>
    public ScanQuery ToQuery(int limit)
    {
        var end = Prefix.IsEmpty ? null : KeyBounds.AfterPrefix(Prefix);
        if (!End.IsEmpty && (end is null || End.Span.SequenceCompareTo(end.Value.Span) < 0))
            end = End;
        var query = new ScanQuery
        {
            Start = Start.Span.SequenceCompareTo(Prefix.Span) > 0 ? Start : Prefix,
            End = end,
            Delimiter = Delimiter,
            PrefixLength = Prefix.Length,
            IsDescending = IsDescending,
            Limit = limit,
            MaxBytes = IsExport ? ExportBytes : PageBytes,
            Values = Values,
        };
        return Cursor is { } cursor ? query.At(cursor.Position) : query;
    }

    private static void Append(XxHash3 hash, ReadOnlySpan<byte> field)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, field.Length);
        hash.Append(length);
        hash.Append(field);
    }
}
