using KvStore.Core.Primitives;

namespace KvStore.Core.Ring;

/// <summary>
/// Gives each partition the next distinct members clockwise from its point, passing over those that are full.
/// </summary>
internal static class ReplicaPlacement
{
    /// <summary>Per partition the positions of its members, the nearest first.</summary>
    public static int[][] Place(VirtualNodes ring, int partitionCount, int copies)
    {
        var room = new int[ring.MemberCount];
        Array.Fill(room, Bound(partitionCount * copies, ring.MemberCount));
        var places = new int[partitionCount][];
        for (var partition = 0; partition < partitionCount; partition++)
        {
            var walk = ring.ClockwiseFrom(PointOf(partition, partitionCount));
            places[partition] = TakeNext(walk, room, copies, partitionCount - partition - 1);
        }

        return places;
    }

    /// <summary>The most of <paramref name="things"/> that one of the members may hold: its share + 10 %.</summary>
    public static int Bound(int things, int members) => ((11 * things) + (10 * members) - 1) / (10 * members);

    private static ulong PointOf(int partition, int partitionCount) =>
        (ulong)(((UInt128)partition << 64) / (UInt128)partitionCount);

    /// <summary>Takes so many members from the walk and their room with them.</summary>
    /// <remarks>
    /// Members may have room left and the last partitions still find too few distinct ones. So that this never happens,
    /// the sum of min(room, left) over the members must be at least left * copies after each step (it is when the walk
    /// begins, and then a choice that keeps it always exists). Only a member with no more room than partitions are left
    /// lowers that sum, so no more of those are taken than it can bear.
    /// </remarks>
    private static int[] TakeNext(IEnumerable<int> walk, int[] room, int copies, int partitionsLeft)
    {
        var spare = room.Sum(free => Math.Min(free, partitionsLeft)) - (partitionsLeft * copies);
        var taken = new List<int>(copies);
        foreach (var member in walk)
        {
            if (taken.Count == copies)
                break;
            var isScarce = room[member] <= partitionsLeft;
            if (room[member] == 0 || (isScarce && spare == 0))
                continue;
            spare -= isScarce ? 1 : 0;
            room[member]--;
            taken.Add(member);
        }

        Invariant.Holds(taken.Count == copies);
        return [.. taken];
    }
}
