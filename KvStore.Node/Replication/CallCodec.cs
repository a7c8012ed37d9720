using Google.Protobuf;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>What calls of peers come to, to and from the wire. See docs/formats.md.</summary>
internal static class CallCodec
{
    /// <summary>Says what became of a write.</summary>
    public static Wire.ProposalReply Encode(WriteOutcome outcome) => outcome switch
    {
        WriteOutcome.Committed done => new Wire.ProposalReply
        {
            End = Wire.RequestEnd.Done,
            Status = (uint)done.Result.Status,
            VersionTerm = done.Result.Version.Term.Value,
            VersionIndex = done.Result.Version.Index.Value,
            IsReplay = done.Result.IsReplay,
            Copies = (uint)done.Copies,
            Voters = (uint)done.Voters,
            Items = { done.Result.Items.Select(Encode) },
        },
        WriteOutcome.NotPrimary elsewhere => new Wire.ProposalReply
        {
            End = Wire.RequestEnd.NotPrimary,
            Hint = elsewhere.Hint.Value,
        },
        WriteOutcome.Overloaded => new Wire.ProposalReply { End = Wire.RequestEnd.Overloaded },
        WriteOutcome.DiskLow => new Wire.ProposalReply { End = Wire.RequestEnd.DiskLow },
        _ => new Wire.ProposalReply { End = Wire.RequestEnd.Unknown },
    };

    /// <summary>Reads what became of a write; what this version does not know is unknown.</summary>
    public static WriteOutcome Decode(Wire.ProposalReply reply) => reply.End switch
    {
        Wire.RequestEnd.Done when Enum.IsDefined((WriteStatus)reply.Status) => new WriteOutcome.Committed(
            new WriteResult(
                (WriteStatus)reply.Status,
                new KeyVersion(new Term(reply.VersionTerm), new LogIndex(reply.VersionIndex)),
                reply.IsReplay)
            {
                Items = reply.Items.Count > 0 ? [.. reply.Items.Select(Decode)] : [],
            },
            (int)reply.Copies,
            (int)reply.Voters),
        Wire.RequestEnd.NotPrimary => new WriteOutcome.NotPrimary(new NodeId(reply.Hint)),
        Wire.RequestEnd.Overloaded => new WriteOutcome.Overloaded(),
        Wire.RequestEnd.DiskLow => new WriteOutcome.DiskLow(),
        _ => new WriteOutcome.Indeterminate(),
    };

    /// <summary>Says what became of a read.</summary>
    public static Wire.EntriesReply Encode(EntriesOutcome outcome)
    {
        switch (outcome)
        {
            case EntriesOutcome.Read read:
                var reply = new Wire.EntriesReply { End = Wire.RequestEnd.Done };
                foreach (var item in read.Items)
                {
                    reply.Items.Add(new Wire.EntryItem
                    {
                        Key = UnsafeByteOperations.UnsafeWrap(item.Key),
                        Value = UnsafeByteOperations.UnsafeWrap(item.Value),
                        VersionTerm = item.Version.Term.Value,
                        VersionIndex = item.Version.Index.Value,
                    });
                }

                return reply;
            case EntriesOutcome.Unchanged:
                return new Wire.EntriesReply { End = Wire.RequestEnd.Done, IsUnchanged = true };
            case EntriesOutcome.NotPrimary elsewhere:
                return new Wire.EntriesReply { End = Wire.RequestEnd.NotPrimary, Hint = elsewhere.Hint.Value };
            case EntriesOutcome.Overloaded:
                return new Wire.EntriesReply { End = Wire.RequestEnd.Overloaded };
            default:
                return new Wire.EntriesReply { End = Wire.RequestEnd.TimedOut };
        }
    }

    /// <summary>Reads what became of a read.</summary>
    public static EntriesOutcome Decode(Wire.EntriesReply reply) => reply.End switch
    {
        Wire.RequestEnd.Done when reply.IsUnchanged => new EntriesOutcome.Unchanged(),
        Wire.RequestEnd.Done => new EntriesOutcome.Read([.. reply.Items.Select(Decode)]),
        Wire.RequestEnd.NotPrimary => new EntriesOutcome.NotPrimary(new NodeId(reply.Hint)),
        Wire.RequestEnd.Overloaded => new EntriesOutcome.Overloaded(),
        _ => new EntriesOutcome.TimedOut(),
    };

    private static EntryItem Decode(Wire.EntryItem item) => new(
        item.Key.Memory,
        item.Value.Memory,
        new KeyVersion(new Term(item.VersionTerm), new LogIndex(item.VersionIndex)));

    private static Wire.ItemReply Encode(ItemResult item) => new()
    {
        Status = (uint)item.Status,
        VersionTerm = item.Version.Term.Value,
        VersionIndex = item.Version.Index.Value,
    };

    private static ItemResult Decode(Wire.ItemReply item) => new(
        (WriteStatus)item.Status,
        new KeyVersion(new Term(item.VersionTerm), new LogIndex(item.VersionIndex)),
        Number: 0,
        Entry: null);
}
