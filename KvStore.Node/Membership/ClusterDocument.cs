using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;

namespace KvStore.Node.Membership;

/// <summary>
/// A cluster's view as a document: on a node's disk, in the system group's state, and
/// between nodes; see docs/formats.md.
/// </summary>
internal static class ClusterDocument
{
    public static ViewDocument From(ClusterView view) => new(
        Hex(view.ClusterId),
        view.Epoch.Value,
        view.Ring.PartitionCount,
        view.Ring.ReplicationFactor,
        view.Founders,
        Described(view.Members),
        Described(view.Removed));

    public static byte[] Encode(ClusterView view) =>
        JsonSerializer.SerializeToUtf8Bytes(From(view), ContractsJson.Default.ViewDocument);

    /// <exception cref="InvalidDataException">The document does not describe the cluster that it names.</exception>
    public static ClusterView Decode(ReadOnlySpan<byte> json)
    {
        try
        {
            return ViewOf(JsonSerializer.Deserialize(json, ContractsJson.Default.ViewDocument)
                ?? throw new InvalidDataException("The cluster document is empty."));
        }
        catch (JsonException failure)
        {
            throw new InvalidDataException($"The cluster document cannot be read: {failure.Message}", failure);
        }
    }

    /// <exception cref="InvalidDataException">The document does not describe the cluster that it names.</exception>
    public static ClusterView ViewOf(ViewDocument document)
    {
        if (document.Members.IsDefault
            || document.Removed.IsDefault
            || document.Members.Concat(document.Removed).Contains(null!))
        {
            throw new InvalidDataException("The cluster document does not list its members.");
        }

        try
        {
            return new ClusterView(
                Parse(document.ClusterId),
                new Epoch(document.Epoch),
                document.Partitions,
                document.ReplicationFactor,
                document.Founders,
                Members(document.Members),
                Members(document.Removed));
        }
        catch (Exception failure) when (failure is FormatException or ArgumentException or OverflowException)
        {
            throw new InvalidDataException($"The cluster document is wrong: {failure.Message}", failure);
        }
    }

    /// <summary>
    /// The view of a node that belongs to a cluster, as it describes itself; null when that is no
    /// description of the cluster that it names.
    /// </summary>
    public static ClusterView? TryViewOf(NodeStatus status)
    {
        try
        {
            return ViewOf(new ViewDocument(
                status.ClusterId!,
                status.Epoch,
                status.Partitions,
                status.ReplicationFactor,
                status.Founders,
                status.Members,
                status.Removed));
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    public static string Hex(ulong value) => value.ToString("x16", CultureInfo.InvariantCulture);

    /// <summary>Reads what <see cref="Hex"/> wrote.</summary>
    public static ulong Parse(string hex) =>
        ulong.Parse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    /// <summary>False for anything that <see cref="Hex"/> does not write.</summary>
    public static bool TryParse(string? hex, out ulong value) =>
        ulong.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
        && Hex(value) == hex;

    private static ImmutableArray<MemberStatus> Described(ImmutableArray<Member> members) =>
        [.. members.Select(member => new MemberStatus(member.Id.Value, member.Name, Hex(member.Incarnation)))];

    private static ImmutableArray<Member> Members(ImmutableArray<MemberStatus> described) =>
        [.. described.Select(member => new Member(new NodeId(member.Id), member.Name, Parse(member.Incarnation)))];
}
