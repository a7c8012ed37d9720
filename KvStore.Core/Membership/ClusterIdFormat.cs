using System.Buffers.Binary;
using System.Collections.Immutable;
using System.IO.Hashing;
using System.Text;

namespace KvStore.Core.Membership;

/// <summary>
/// What a cluster's id is the XxHash3-64 of: partitions and replication factor in four bytes each, then by member its
/// name's length in four bytes, the name in UTF-8 and the incarnation in eight; all numbers least significant first.
/// </summary>
/// <remarks>
/// Incarnations are drawn at random when a disk is first used, so two clusters born of the same settings differ.
/// </remarks>
internal static class ClusterIdFormat
{
    public static ulong Hash(ImmutableArray<Member> members, int partitionCount, int replicationFactor)
    {
        var hash = new XxHash3();
        AppendInt32(hash, partitionCount);
        AppendInt32(hash, replicationFactor);
        Span<byte> incarnation = stackalloc byte[sizeof(ulong)];
        foreach (var member in members)
        {
            var name = Encoding.UTF8.GetBytes(member.Name);
            AppendInt32(hash, name.Length);
            hash.Append(name);
            BinaryPrimitives.WriteUInt64LittleEndian(incarnation, member.Incarnation);
            hash.Append(incarnation);
        }

        return hash.GetCurrentHashAsUInt64();
    }

    private static void AppendInt32(XxHash3 hash, int value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        hash.Append(bytes);
    }
}
