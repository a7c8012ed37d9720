using System.Numerics;
using System.Text.RegularExpressions;
using KvStore.Node.Membership;
using KvStore.ServiceDefaults;

namespace KvStore.Node.Options;

/// <summary>
/// The ranges of <see cref="NodeOptions"/>, proved before anything is opened. By hand: whoever set a variable wants to
/// read its name and what was expected, not the name of a property.
/// </summary>
internal static partial class NodeOptionsValidator
{
    /// <exception cref="StartupException">Values are out of their ranges; a sentence for each.</exception>
    public static NodeOptions Proved(NodeOptions options)
    {
        var wrong = Wrong(options).ToList();
        return wrong.Count == 0 ? options : throw new StartupException(string.Join(' ', wrong));
    }

    private static IEnumerable<string> Wrong(NodeOptions options)
    {
        if (!Name().IsMatch(options.Name))
        {
            yield return "NODE_NAME must be 1 to 63 letters, digits, dots, dashes or underscores, the first and the "
                + "last a letter or digit.";
        }

        foreach (var twice in options.Cluster.GroupBy(url => url).Where(group => group.Count() > 1))
        {
            yield return $"CLUSTER_NODES names {twice.Key.GetLeftPart(UriPartial.Authority)} {twice.Count()} times; "
                + "every node once was expected.";
        }

        if (options.ReplicationFactor is < 1 or > 7)
            yield return $"REPLICATION_FACTOR is {options.ReplicationFactor}; a number from 1 to 7 was expected.";
        if (options.Partitions is < 1 or > 4096 || !BitOperations.IsPow2(options.Partitions))
            yield return $"KVSTORE_PARTITIONS is {options.Partitions}; a power of two from 1 to 4096 was expected.";
        if (options.PeerPort is < 1 or > 65535)
            yield return $"KVSTORE_PEER_PORT is {options.PeerPort}; a port from 1 to 65535 was expected.";
        if (options.ClusterSecret is { Length: < ClusterSecret.MinLength } secret)
        {
            yield return $"KVSTORE_CLUSTER_SECRET has {secret.Length} characters; at least {ClusterSecret.MinLength} "
                + "were expected.";
        }

        if (options.SnapshotInterval < TimeSpan.FromSeconds(1) || options.SnapshotInterval > TimeSpan.FromDays(1))
            yield return $"KVSTORE_SNAPSHOT_INTERVAL is {options.SnapshotInterval}; from 1s to 24h was expected.";
        if (options.CompareInterval < TimeSpan.FromMilliseconds(100) || options.CompareInterval > TimeSpan.FromDays(1))
            yield return $"KVSTORE_COMPARE_INTERVAL is {options.CompareInterval}; from 100ms to 24h was expected.";
        if (options.Tick < TimeSpan.FromMilliseconds(5) || options.Tick > TimeSpan.FromSeconds(10))
            yield return $"KVSTORE_TICK is {options.Tick}; from 5ms to 10s was expected.";
        if (options.Loops is < 0 or > 64)
            yield return $"KVSTORE_LOOPS is {options.Loops}; a number from 0 to 64 was expected.";
        if (options.HistoryChanges is < 1000 or > 100_000_000)
        {
            yield return $"KVSTORE_HISTORY_CHANGES is {options.HistoryChanges}; a number from 1000 to 100000000 was "
                + "expected.";
        }

        if (options.HistoryBytes < 1 << 20)
            yield return $"KVSTORE_HISTORY_BYTES is {options.HistoryBytes}; at least 1048576 was expected.";
    }

    [GeneratedRegex(@"\A[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?\z")]
    private static partial Regex Name();
}
