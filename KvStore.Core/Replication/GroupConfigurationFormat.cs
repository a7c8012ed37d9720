using System.Buffers.Binary;
using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// The one place that knows a configuration's bytes: version (2), number of voters, number of learners in a byte each,
/// the ids, voters first, in four bytes each, and the era in eight; least significant byte first. Version 1 had no
/// era. See docs/formats.md.
/// </summary>
public static class GroupConfigurationFormat
{
    private const byte Version = 2;
    private const byte VersionWithoutEra = 1;
    private const int HeaderSize = 3;

    /// <summary>Writes a configuration.</summary>
    public static byte[] Encode(GroupConfiguration configuration)
    {
        var end = HeaderSize + (configuration.Members.Length * sizeof(int));
        var bytes = new byte[end + sizeof(long)];
        bytes[0] = Version;
        bytes[1] = (byte)configuration.Voters.Length;
        bytes[2] = (byte)configuration.Learners.Length;
        for (var i = 0; i < configuration.Members.Length; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(
                bytes.AsSpan(HeaderSize + (i * sizeof(int))), configuration.Members[i].Value);
        }

        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(end), configuration.Era.Value);
        return bytes;
    }

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    /// <exception cref="InvalidDataException">The bytes are no configuration; says why.</exception>
    public static GroupConfiguration Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderSize || bytes[0] is not (Version or VersionWithoutEra))
            throw new InvalidDataException("Not a configuration of a known version.");
        var (voters, learners) = (bytes[1], bytes[2]);
        if (voters == 0 || voters + learners > GroupConfiguration.MaxMembers)
            throw new InvalidDataException($"A configuration of {voters} voters and {learners} learners.");
        var end = HeaderSize + ((voters + learners) * sizeof(int));
        if (bytes.Length != (bytes[0] == Version ? end + sizeof(long) : end))
            throw new InvalidDataException($"{bytes.Length} bytes for a configuration of {voters + learners} members.");
        var ids = ImmutableArray.CreateBuilder<NodeId>(voters + learners);
        for (var at = HeaderSize; at < end; at += sizeof(int))
            ids.Add(new NodeId(BinaryPrimitives.ReadInt32LittleEndian(bytes[at..])));
        if (ids.Any(id => id.Value < 1) || ids.Distinct().Count() != ids.Count)
            throw new InvalidDataException("A configuration names a member twice, or nobody.");
        var era = bytes[0] == Version ? BinaryPrimitives.ReadInt64LittleEndian(bytes[end..]) : 0;
        if (era < 0)
            throw new InvalidDataException($"A configuration of era {era}.");
        return new GroupConfiguration([.. ids.Take(voters)], [.. ids.Skip(voters)], new Era(era));
    }
}
