using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.Ring;

namespace KvStore.Cli.Chaos;

/// <summary>Which partition a key is in, in a cluster with so many.</summary>
internal sealed class Placement(int partitions)
{
    private readonly HashRing _ring = new([(new NodeId(1), "any")], partitions, 1);

    public int Partitions { get; } = partitions;

    public int PartitionOf(string key) => _ring.PartitionOf(Encoding.UTF8.GetBytes(key)).Value;

    /// <summary>A key of every partition, in their order.</summary>
    public ImmutableArray<string> OneKeyEach(string prefix)
    {
        var keys = new string?[Partitions];
        for (var (number, found) = (0, 0); found < Partitions; number++)
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"{prefix}{number}");
            ref var place = ref keys[PartitionOf(key)];
            found += place is null ? 1 : 0;
            place ??= key;
        }

        return [.. keys!];
    }
}
