using System.Collections.Immutable;
using Google.Protobuf;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>What the operations of a call came to.</summary>
internal static partial class CallCodec
{
    /// <summary>
    /// Bytes of the entries in one answer; those beyond it are left out, and of them the version alone is told.
    /// </summary>
    public const int MaxEntryBytes = 4 << 20;

    /// <summary>Says what became of a read of keys.</summary>
    public static Wire.KeysReply Encode(KeysOutcome outcome)
    {
        switch (outcome)
        {
            case KeysOutcome.Read read:
                var reply = new Wire.KeysReply { End = Wire.RequestEnd.Done, LogIndex = read.Index.Value };
                AddTo(reply.Items, read.Items);
                return reply;
            case KeysOutcome.BucketGone:
                return new Wire.KeysReply { End = Wire.RequestEnd.Done, IsBucketGone = true };
            case KeysOutcome.Locked:
                return new Wire.KeysReply { End = Wire.RequestEnd.Done, IsLocked = true };
            case KeysOutcome.NotPrimary elsewhere:
                return new Wire.KeysReply { End = Wire.RequestEnd.NotPrimary, Hint = elsewhere.Hint.Value };
            case KeysOutcome.Overloaded:
                return new Wire.KeysReply { End = Wire.RequestEnd.Overloaded };
            default:
                return new Wire.KeysReply { End = Wire.RequestEnd.TimedOut };
        }
    }

    /// <summary>Reads what became of a read of keys.</summary>
    public static KeysOutcome Decode(Wire.KeysReply reply) => reply.End switch
    {
        Wire.RequestEnd.Done when reply.IsBucketGone => new KeysOutcome.BucketGone(),
        Wire.RequestEnd.Done when reply.IsLocked => new KeysOutcome.Locked(),
        Wire.RequestEnd.Done => new KeysOutcome.Read(ItemsOf(reply.Items), new LogIndex(reply.LogIndex)),
        Wire.RequestEnd.NotPrimary => new KeysOutcome.NotPrimary(new NodeId(reply.Hint)),
        Wire.RequestEnd.Overloaded => new KeysOutcome.Overloaded(),
        _ => new KeysOutcome.TimedOut(),
    };

    /// <summary>
    /// Entries go along where somebody asked for them: who wrote one has it, and of another only the version is told.
    /// </summary>
    private static void AddTo(ICollection<Wire.ItemResult> into, ImmutableArray<ItemResult> items)
    {
        var left = MaxEntryBytes;
        foreach (var item in items)
        {
            var written = new Wire.ItemResult
            {
                Status = (uint)item.Status,
                VersionTerm = item.Version.Term.Value,
                VersionIndex = item.Version.Index.Value,
                Number = item.Number,
            };
            if (item is { Status: WriteStatus.Found, Entry: { } entry } && BytesOf(entry) <= left)
            {
                left -= BytesOf(entry);
                written.Entry = Encode(entry);
            }

            into.Add(written);
        }
    }

    private static int BytesOf(StoredEntry entry) =>
        entry.Value.Length + entry.Metadata.Length + entry.ContentType.Length;

    private static ImmutableArray<ItemResult> ItemsOf(ICollection<Wire.ItemResult> items) => items.Count == 0 ? [] :
    [
        .. items.Select(item => new ItemResult(
            Enum.IsDefined((WriteStatus)item.Status)
                ? (WriteStatus)item.Status
                : throw new InvalidDataException($"A result has the status {item.Status}, which is none."),
            new KeyVersion(new Term(item.VersionTerm), new LogIndex(item.VersionIndex)),
            item.Number,
            item.Entry is { } entry ? Decode(entry) : null)),
    ];

    private static Wire.StoredEntry Encode(StoredEntry entry) => new()
    {
        Value = UnsafeByteOperations.UnsafeWrap(entry.Value),    // entries never change
        ContentType = entry.ContentType,
        Metadata = UnsafeByteOperations.UnsafeWrap(entry.Metadata),
        VersionTerm = entry.Version.Term.Value,
        VersionIndex = entry.Version.Index.Value,
        CreatedMs = entry.CreatedMs,
        ModifiedMs = entry.ModifiedMs,
        ExpiresMs = entry.ExpiresMs,
    };

    private static StoredEntry Decode(Wire.StoredEntry entry) => new()
    {
        Value = entry.Value.Memory,
        ContentType = entry.ContentType,
        Metadata = entry.Metadata.Memory,
        Version = new KeyVersion(new Term(entry.VersionTerm), new LogIndex(entry.VersionIndex)),
        CreatedMs = entry.CreatedMs,
        ModifiedMs = entry.ModifiedMs,
        ExpiresMs = entry.ExpiresMs,
    };
}
