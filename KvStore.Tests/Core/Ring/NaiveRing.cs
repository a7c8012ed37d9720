using System.IO.Hashing;
using System.Text;

namespace KvStore.Tests.Core.Ring;

/// <summary>
/// The ring's placement without bounds, and with them, written the slow and plain way: every member's distance to every
/// partition, sorted.
/// </summary>
internal static class NaiveRing
{
    /// <summary>Per partition all members in clockwise order.</summary>
    public static string[][] Walks(IReadOnlyCollection<string> names, int partitions)
    {
        var points = names.ToDictionary(name => name, PointsOf);
        return [.. Enumerable.Range(0, partitions).Select(partition => WalkFrom(partition))];

        string[] WalkFrom(int partition)
        {
            var from = (ulong)partition * (ulong.MaxValue / (ulong)partitions + 1);
            if (partitions == 1)
                from = 0;
            return [.. names
                .OrderBy(name => points[name].Min(point => unchecked(point - from)))
                .ThenBy(name => name, StringComparer.Ordinal)];
        }
    }

    /// <summary>The first members of each walk, without any bound.</summary>
    public static string[][] Unbounded(IReadOnlyCollection<string> names, int partitions, int copies) =>
        [.. Walks(names, partitions).Select(walk => walk[..Math.Min(copies, names.Count)])];

    /// <summary>The same where nobody takes more than <paramref name="most"/>; null if some partition found too few.</summary>
    public static string[][]? Bounded(IReadOnlyCollection<string> names, int partitions, int copies, int most)
    {
        var loads = names.ToDictionary(name => name, _ => 0);
        var lists = new List<string[]>();
        foreach (var walk in Walks(names, partitions))
        {
            var list = walk.Where(name => loads[name] < most).Take(copies).ToArray();
            if (list.Length < copies)
                return null;
            foreach (var name in list)
                loads[name]++;
            lists.Add(list);
        }

        return [.. lists];
    }

    private static ulong[] PointsOf(string name) =>
        [.. Enumerable.Range(0, 64).Select(number =>
            XxHash3.HashToUInt64([.. Encoding.UTF8.GetBytes(name), .. BitConverter.GetBytes(number)]))];
}
