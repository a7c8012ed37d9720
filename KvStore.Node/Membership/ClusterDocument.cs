using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using KvStore.Core.Membership;

namespace KvStore.Node.Membership;

/// <summary>The cluster's view as a node keeps it on disk; see docs/formats.md.</summary>
internal sealed record ClusterDocument(
    string ClusterId,
    long Epoch,
    int Partitions,
    int ReplicationFactor,
    ImmutableArray<ClusterDocument.MemberEntry> Members)
{
    public sealed record MemberEntry(string Name, string Incarnation);

    public static ClusterDocument From(ClusterView view) => new(
        Hex(view.ClusterId),
        view.Epoch.Value,
        view.Ring.PartitionCount,
        view.Ring.ReplicationFactor,
        [.. view.Members.Select(member => new MemberEntry(member.Name, Hex(member.Incarnation)))]);

    public byte[] Encode() => JsonSerializer.SerializeToUtf8Bytes(this, ClusterDocumentJson.Default.ClusterDocument);

    /// <exception cref="InvalidDataException">The document does not describe the cluster that it names.</exception>
    public static ClusterView Decode(ReadOnlySpan<byte> json)
    {
        try
        {
            var document = JsonSerializer.Deserialize(json, ClusterDocumentJson.Default.ClusterDocument)
                ?? throw new InvalidDataException("The cluster document is empty.");
            return document.ToView();
        }
        catch (Exception failure) when (failure is JsonException or ArgumentException)
        {
            throw new InvalidDataException($"The cluster document cannot be read: {failure.Message}", failure);
        }
    }

    private ClusterView ToView()
    {
        if (Members.IsDefault || Members.Any(member => member is null || !TryParse(member.Incarnation, out _)))
            throw new InvalidDataException("The cluster document does not list its members by name and disk.");
        var view = ClusterView.Birth(
            Members.Select(member => (member.Name, Parse(member.Incarnation))), Partitions, ReplicationFactor);
        return Hex(view.ClusterId) == ClusterId
            ? view
            : throw new InvalidDataException(
                $"The cluster document names the cluster {ClusterId}, but its members make {Hex(view.ClusterId)}.");
    }

    public static string Hex(ulong value) => value.ToString("x16", CultureInfo.InvariantCulture);

    /// <summary>Reads what <see cref="Hex"/> wrote.</summary>
    public static ulong Parse(string hex) =>
        ulong.Parse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    /// <summary>False for anything that <see cref="Hex"/> does not write.</summary>
    public static bool TryParse(string? hex, out ulong value) =>
        ulong.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
            && Hex(value) == hex;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(ClusterDocument))]
internal sealed partial class ClusterDocumentJson : JsonSerializerContext;
