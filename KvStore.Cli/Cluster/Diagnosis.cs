using KvStore.Contracts;

namespace KvStore.Cli.Cluster;

/// <summary>What is wrong with a cluster, in words.</summary>
internal static class Diagnosis
{
    private const int NumbersShown = 8;

    /// <summary>A sentence for each thing, the worst first.</summary>
    public static IEnumerable<string> Of(ClusterPicture picture) =>
        OfPartitions(picture).Concat(picture.Nodes.Select(OfNode).OfType<string>()).Concat(OfVersions(picture));

    /// <summary>How long ago, in the largest unit that says enough.</summary>
    public static string Ago(double seconds) => seconds switch
    {
        < 60 => $"{Math.Floor(seconds)} s ago",
        < 3600 => $"{Math.Floor(seconds / 60)} min ago",
        < 2 * 86400 => $"{Math.Floor(seconds / 3600)} h ago",
        _ => $"{Math.Floor(seconds / 86400)} d ago",
    };

    private static IEnumerable<string> OfPartitions(ClusterPicture picture)
    {
        if (picture.Ring is not { } ring)
        {
            yield return "No node tells what the cluster looks like.";
            yield break;
        }

        var lost = Where(partition => !partition.HasMajority);
        if (lost.Count > 0)
        {
            yield return $"{Some(lost)} no majority of {Their(lost)} copies up: {Their(lost)} keys can be neither "
                + $"written nor read, but with consistency eventual.{Numbers(lost)}";
        }

        var unled = Where(partition => partition is { HasMajority: true, Primary: null });
        if (unled.Count > 0)
            yield return $"{Some(unled)} no primary: requests wait until one is elected.{Numbers(unled)}";
        var few = Where(partition => partition.HasMajority && partition.Up < partition.Replicas.Length);
        if (few.Count > 0)
        {
            yield return $"{Some(few)} fewer than {Their(few)} {ring[few[0]].Replicas.Length} copies up, and "
                + $"{(few.Count == 1 ? "serves" : "serve")} with the rest.";
        }

        List<int> Where(Func<PartitionPicture, bool> isSo) =>
            [.. ring.Index().Where(partition => isSo(partition.Item)).Select(partition => partition.Index)];

        string Some(List<int> some) => some.Count == 1 ? "1 partition has"
            : some.Count == ring.Length ? $"All {some.Count} partitions have"
            : $"{some.Count} partitions have";

        string Numbers(List<int> some)
        {
            var shown = string.Join(", ", some.Take(NumbersShown));
            return some.Count == ring.Length ? ""
                : some.Count > NumbersShown ? $" ({shown}, ...)"
                : $" ({shown})";
        }
    }

    private static string? OfNode(NodePicture node)
    {
        var name = node.Name is { } known ? $"{known} ({node.Url})" : node.Url;
        return node switch
        {
            { IsUp: false, DownSeconds: { } seconds } => $"{name} does not answer; it did until {Ago(seconds)}.",
            { IsUp: false } => $"{name} does not answer.",
            { Status: not NodeStates.Up } =>
                $"{name} is {node.Status}{(node.Detail is { } why ? $": {why.TrimEnd('.')}" : "")}.",
            { Disk: NodeStatus.DiskLow } =>
                $"{name} has little room on its disk: the keys that it leads take no new values.",
            { Version: null } => $"{name} is up and cannot be asked from here: what only it can say is missing.",
            _ => null,
        };
    }

    private static IEnumerable<string> OfVersions(ClusterPicture picture)
    {
        var versions = picture.Nodes.Select(node => node.Version).OfType<string>().Distinct().Order().ToList();
        if (versions.Count > 1)
            yield return $"The nodes are of different versions: {string.Join(", ", versions)}.";
    }

    private static string Their(List<int> partitions) => partitions.Count == 1 ? "its" : "their";
}
