using Google.Protobuf;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>What calls of peers come to, to and from the wire. See docs/formats.md.</summary>
internal static partial class CallCodec
{
    /// <summary>Says what became of a write.</summary>
    public static Wire.ProposalReply Encode(WriteOutcome outcome) => outcome switch
    {
        WriteOutcome.Committed done => Encode(done),
        WriteOutcome.NotPrimary elsewhere => new Wire.ProposalReply
        {
            End = Wire.RequestEnd.NotPrimary,
            Hint = elsewhere.Hint.Value,
        },
        WriteOutcome.Overloaded => new Wire.ProposalReply { End = Wire.RequestEnd.Overloaded },
        WriteOutcome.DiskLow => new Wire.ProposalReply { End = Wire.RequestEnd.DiskLow },
        _ => new Wire.ProposalReply { End = Wire.RequestEnd.Unknown },
    };

    private static Wire.ProposalReply Encode(WriteOutcome.Committed done)
    {
        var result = done.Result;
        var reply = new Wire.ProposalReply
        {
            End = Wire.RequestEnd.Done,
            Status = (uint)result.Status,
            VersionTerm = result.Version.Term.Value,
            VersionIndex = result.Version.Index.Value,
            IsReplay = result.IsReplay,
            Copies = (uint)done.Copies,
            Voters = (uint)done.Voters,
            Number = result.Number,
            LogIndex = done.Index.Value,
        };
        if (result.Entry is { } entry)
            reply.Entry = Encode(entry);
        AddTo(reply.Items, result.Items);
        return reply;
    }

    /// <summary>Reads what became of a write; what this version does not know is unknown.</summary>
    public static WriteOutcome Decode(Wire.ProposalReply reply) => reply.End switch
    {
        Wire.RequestEnd.Done when Enum.IsDefined((WriteStatus)reply.Status) => new WriteOutcome.Committed(
            new WriteResult(
                (WriteStatus)reply.Status,
                new KeyVersion(new Term(reply.VersionTerm), new LogIndex(reply.VersionIndex)),
                reply.IsReplay)
            {
                Number = reply.Number,
                Entry = reply.Entry is { } entry ? Decode(entry) : null,
                Items = ItemsOf(reply.Items),
            },
            (int)reply.Copies,
            (int)reply.Voters)
        {
            Index = new LogIndex(reply.LogIndex),
        },
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
}
