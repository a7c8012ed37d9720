using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Replication;

public sealed class SnapshotterTests
{
    private const long Mi = 1 << 20;

    [Theory]
    [InlineData(64, 0, 1 * Mi)]
    [InlineData(64, 3 * Mi, 3 * Mi)]    // not before a capture writes less than the log has
    [InlineData(1, 3 * Mi, 64 * Mi)]
    [InlineData(4096, 0, Mi / 4)]
    public void The_logs_of_all_partitions_have_a_bound_together(int partitions, long stateBytes, long largest) =>
        Assert.Equal(largest, Snapshotter.LargestLog(partitions, stateBytes, isInNeed: false));

    [Theory]
    [InlineData(0, Mi / 16)]
    [InlineData(8 * Mi, 1 * Mi)]
    public void On_a_disk_that_is_to_be_spared_a_log_is_a_part_of_its_state(long stateBytes, long largest) =>
        Assert.Equal(largest, Snapshotter.LargestLog(64, stateBytes, isInNeed: true));
}
