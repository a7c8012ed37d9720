using System.Buffers.Binary;
using System.Security.Cryptography;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>Names that no two nodes choose alike, and that nobody can guess.</summary>
internal static class RandomIds
{
    /// <summary>A name of 64 bits.</summary>
    public static ulong Number() =>
        BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(ulong)));

    /// <summary>The name of a command that no client sent.</summary>
    public static RequestId Request() => new(Number(), Number(), RequestIdKind.Internal);
}
