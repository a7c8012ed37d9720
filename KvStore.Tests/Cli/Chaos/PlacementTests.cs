using KvStore.Cli.Chaos;
using KvStore.Contracts;

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

    [Fact]
    public void Who_has_heard_of_the_latest_term_is_believed()
    {
        var behind = Told("one", new(1, 1), new(1, 3), new(0, 0), new(9, 1));
        var ahead = Told("one", new(2, 2), new(2, 2), new(0, 0), new(9, 1));

        Assert.Equal(["two", "one", null, null], _placement.PrimariesOf([behind, null, ahead]));
    }

    private static ClusterStatus Told(string first, params PrimaryHint[] primaries) => new()
    {
        ClusterId = "0000000000000001",
        Epoch = 1,
        Partitions = primaries.Length,
        ReplicationFactor = 3,
        Members = [new(1, first, null), new(2, "two", null)],
        Primaries = [.. primaries],
    };
}
