using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.Ring;

namespace KvStore.Cli.Chaos;

/// <summary>Which partition a key is in, in a cluster with so many.</summary>
internal sealed class Placement(int partitions)
{
    private readonly HashRing _ring = new([(new NodeId(1), "any")], partitions, 1);

    public int PartitionOf(string key) => _ring.PartitionOf(Encoding.UTF8.GetBytes(key)).Value;

    /// <summary>A key of every partition, in their order.</summary>
    public ImmutableArray<string> OneKeyEach(string prefix)
    {
        var keys = new string?[partitions];
        for (var (number, found) = (0, 0); found < partitions; number++)
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"{prefix}{number}");
            ref var place = ref keys[PartitionOf(key)];
            found += place is null ? 1 : 0;
            place ??= key;
        }

        return [.. keys!];
    }

    /// <summary>The names of the nodes that lead the partitions, as who has heard of the latest term says.</summary>
    public string?[] PrimariesOf(IEnumerable<ClusterStatus?> told)
    {
        var names = new string?[partitions];
        var terms = new long[partitions];
        foreach (var status in told.OfType<ClusterStatus>())
        {
            for (var partition = 0; partition < status.Primaries.Length; partition++)
            {
                var (member, term) = status.Primaries[partition];
                if (term > terms[partition] && status.Members.FirstOrDefault(known => known.Id == member) is { } named)
                    (names[partition], terms[partition]) = (named.Name, term);
            }
        }

        return names;
    }
}
