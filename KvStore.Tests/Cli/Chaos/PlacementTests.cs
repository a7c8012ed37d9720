using KvStore.Cli.Chaos;

namespace KvStore.Tests.Cli.Chaos;

public sealed class PlacementTests
{
    private readonly Placement _placement = new(partitions: 4);

    [Fact]
    public void Every_partition_has_its_key()
    {
        var keys = _placement.OneKeyEach("k/");

        Assert.Equal([0, 1, 2, 3], keys.Select(_placement.PartitionOf));
    }
}
