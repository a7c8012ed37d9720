using System.Buffers.Binary;
using System.Text;
using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>
/// The user's metadata as bytes of an entry, which the state does not look into; see docs/formats.md. Ordered by name,
/// so that a repeated request is the same command whatever the order of its headers.
/// </summary>
internal static class MetadataFormat
{
    /// <summary>The most pieces of one entry.</summary>
    public const int MaxItems = 32;

    /// <summary>The most characters of all names and values of one entry.</summary>
    public const int MaxCharacters = 2048;

    /// <summary>The longest name.</summary>
    public const int MaxNameLength = byte.MaxValue;

    private const byte Version = 1;
    private const int HeadBytes = 2;
    private const int ItemBytes = 1 + sizeof(ushort);

    /// <summary>Writes them; nothing for none.</summary>
    /// <param name="items">Names in lower case and values, all of them ASCII and within the limits.</param>
    public static byte[] Encode(List<(string Name, string Value)> items)
    {
        if (items.Count == 0)
            return [];
        items.Sort(static (one, other) => string.CompareOrdinal(one.Name, other.Name));
        var bytes = new byte[HeadBytes + items.Sum(item => ItemBytes + item.Name.Length + item.Value.Length)];
        (bytes[0], bytes[1]) = (Version, (byte)items.Count);
        var rest = bytes.AsSpan(HeadBytes);
        foreach (var (name, value) in items)
        {
            rest[0] = (byte)name.Length;
            BinaryPrimitives.WriteUInt16LittleEndian(rest[1..], (ushort)value.Length);
            Encoding.ASCII.GetBytes(name, rest[ItemBytes..]);
            Encoding.ASCII.GetBytes(value, rest[(ItemBytes + name.Length)..]);
            rest = rest[(ItemBytes + name.Length + value.Length)..];
        }

        return bytes;
    }

    /// <summary>Sets a header for each of them.</summary>
    /// <exception cref="InvalidDataException">A later version wrote them.</exception>
    public static void WriteTo(IHeaderDictionary headers, ReadOnlySpan<byte> bytes)
    {
        foreach (var (name, value) in Decode(bytes))
            headers[KvHeaders.MetadataPrefix + name] = value;
    }

    /// <summary>Reads them, in the order of their names.</summary>
    /// <exception cref="InvalidDataException">A later version wrote them.</exception>
    public static List<(string Name, string Value)> Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return [];
        if (bytes[0] != Version)
            throw new InvalidDataException($"Metadata of version {bytes[0]}; {Version} is known.");
        var items = new List<(string, string)>(bytes[1]);
        var rest = bytes[HeadBytes..];
        for (var left = bytes[1]; left > 0; left--)
        {
            var name = rest.Slice(ItemBytes, rest[0]);
            var value = BinaryPrimitives.ReadUInt16LittleEndian(rest[1..]);
            rest = rest[(ItemBytes + name.Length)..];
            items.Add((Encoding.ASCII.GetString(name), Encoding.ASCII.GetString(rest[..value])));
            rest = rest[value..];
        }

        return items;
    }
}
