using KvStore.Core.Primitives;

namespace KvStore.Core.Ring;

/// <summary>
/// Chooses each partition's preferred primary among its members, so evenly that the member with most has as few as the
/// placement of the replicas allows.
/// </summary>
/// <remarks>
/// A matching by augmenting paths: a partition whose members are all full makes one of them give another partition to
/// that one's next member. No more than ceil(1.1 p / n) each is always possible: had every member of a partition an
/// equal part of it, none would have more than its replicas / r, and where parts do, wholes do (integral flow).
/// </remarks>
internal sealed class PreferredPrimaries
{
    private readonly int[][] _places;
    private readonly int _most;
    private readonly List<int>[] _partitionsOf;
    private readonly int[] _askedFor;

    private PreferredPrimaries(int[][] places, int memberCount, int most)
    {
        _places = places;
        _most = most;
        _partitionsOf = [.. Enumerable.Range(0, memberCount).Select(_ => new List<int>())];
        _askedFor = new int[memberCount];
        Array.Fill(_askedFor, -1);
    }

    /// <summary>Puts the primary in the first place of each partition; the others keep their order.</summary>
    public static void MoveToFront(int[][] places, int memberCount)
    {
        var fewest = (places.Length + memberCount - 1) / memberCount;
        var bound = ReplicaPlacement.Bound(places.Length, memberCount);
        for (var most = fewest; most <= bound; most++)
        {
            var attempt = new PreferredPrimaries(places, memberCount, most);
            if (!Enumerable.Range(0, places.Length).All(partition => attempt.TryAssign(partition, partition)))
                continue;
            attempt.Reorder();
            return;
        }

        Invariant.Holds(places.Length == 0);
    }

    /// <summary>Finds a member for the partition; each member is asked once for the one that began it.</summary>
    private bool TryAssign(int partition, int begunBy)
    {
        foreach (var member in _places[partition])
        {
            if (_partitionsOf[member].Count < _most)
            {
                _partitionsOf[member].Add(partition);
                return true;
            }
        }

        foreach (var member in _places[partition])
        {
            if (_askedFor[member] == begunBy)
                continue;
            _askedFor[member] = begunBy;
            var given = _partitionsOf[member].FindIndex(other => TryAssign(other, begunBy));
            if (given < 0)
                continue;
            _partitionsOf[member].RemoveAt(given);
            _partitionsOf[member].Add(partition);
            return true;
        }

        return false;
    }

    private void Reorder()
    {
        for (var member = 0; member < _partitionsOf.Length; member++)
        {
            foreach (var partition in _partitionsOf[member])
            {
                var place = _places[partition];
                var at = Array.IndexOf(place, member);
                place.AsSpan(0, at).CopyTo(place.AsSpan(1));
                place[0] = member;
            }
        }
    }
}
