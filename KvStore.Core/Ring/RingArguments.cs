using System.Numerics;
using KvStore.Core.Primitives;

namespace KvStore.Core.Ring;

/// <summary>What a ring can be made of.</summary>
internal static class RingArguments
{
    public static void Check(IReadOnlyList<(NodeId Id, string Name)> members, int partitionCount, int replicationFactor)
    {
        ArgumentNullException.ThrowIfNull(members);
        Require(
            members.Count is >= 1 and <= HashRing.MaxMembers,
            $"A ring has 1 to {HashRing.MaxMembers} members, not {members.Count}.",
            nameof(members));
        Require(
            partitionCount is >= 1 and <= HashRing.MaxPartitions && BitOperations.IsPow2(partitionCount),
            $"Partitions must be a power of two from 1 to {HashRing.MaxPartitions}, not {partitionCount}.",
            nameof(partitionCount));
        Require(
            replicationFactor is >= 1 and <= HashRing.MaxReplicationFactor,
            $"The replication factor must be 1 to {HashRing.MaxReplicationFactor}, not {replicationFactor}.",
            nameof(replicationFactor));
        CheckIdentities(members);
    }

    private static void CheckIdentities(IReadOnlyList<(NodeId Id, string Name)> members)
    {
        var ids = new HashSet<NodeId>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (id, name) in members)
        {
            Require(!string.IsNullOrEmpty(name), $"Member {id} has no name.", nameof(members));
            Require(names.Add(name), $"Two members are named {name}.", nameof(members));
            Require(id != NodeId.None, $"Member {name} has no id; ids start at 1.", nameof(members));
            Require(ids.Add(id), $"Two members have the id {id}.", nameof(members));
        }
    }

    private static void Require(bool claim, string sentence, string argument)
    {
        if (!claim)
            throw new ArgumentException(sentence, argument);
    }
}
