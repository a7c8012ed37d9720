using Google.Protobuf;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>Positions and changes, to and from the wire. See docs/formats.md.</summary>
internal static class HistoryCodec
{
    /// <summary>Writes what was changed.</summary>
    public static Wire.CommandChanges Encode(AppliedChanges command)
    {
        var encoded = new Wire.CommandChanges { Index = command.Index.Value, Closed = command.Closed.Value };
        foreach (var change in command.Changes)
        {
            encoded.Changes.Add(new Wire.ChangeItem
            {
                Bucket = change.Bucket.Value,
                Key = UnsafeByteOperations.UnsafeWrap(change.Key),
                Kind = (uint)change.Kind,
                VersionTerm = change.Version.Term.Value,
                VersionIndex = change.Version.Index.Value,
                Value = UnsafeByteOperations.UnsafeWrap(change.Value),    // changes never change
                ContentType = change.ContentType,
            });
        }

        return encoded;
    }

    /// <summary>Reads news of a partition.</summary>
    /// <exception cref="InvalidDataException">They are none that this version writes.</exception>
    public static FollowedChanges Decode(Wire.FollowReply reply) => new()
    {
        Partition = new PartitionId(checked((int)reply.Partition)),
        From = reply.HasFrom ? reply.From : null,
        Commands = [.. reply.Commands.Select(Decode)],
        Reached = reply.Reached,
        IsAbsent = reply.IsAbsent,
    };

    private static AppliedChanges Decode(Wire.CommandChanges command) => new()
    {
        Index = new LogIndex(command.Index),
        Changes = [.. command.Changes.Select(Decode)],
        Closed = new BucketId(command.Closed),
    };

    private static AppliedChange Decode(Wire.ChangeItem item) => new(
        new BucketId(item.Bucket),
        item.Key.Memory,
        item.Kind is >= (uint)KeyChangeKind.Put and <= (uint)KeyChangeKind.Expire
            ? (KeyChangeKind)item.Kind
            : throw new InvalidDataException($"A change of kind {item.Kind} is not known."),
        new KeyVersion(new Term(item.VersionTerm), new LogIndex(item.VersionIndex)),
        item.Value.Memory,
        item.ContentType);
}
