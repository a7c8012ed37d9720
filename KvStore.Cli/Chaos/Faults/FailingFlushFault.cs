using System.Globalization;

namespace KvStore.Cli.Chaos.Faults;

/// <summary>
/// One flush of one node fails, of its log or of a snapshot. Nobody knows then what the disk holds, so the node must
/// end at once and say why; it starts again, on a disk that works, from what it finds.
/// </summary>
internal sealed class FailingFlushFault : IFault
{
    private const string Says = "The disk does not keep what it is given";

    /// <summary>A snapshot is due only every few seconds, and a node that is cut off has nothing to flush.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    public FaultGroup Group => FaultGroup.Lives;

    public async Task<Struck> RunAsync(ChaosCluster cluster, Random random)
    {
        var node = cluster.AnyNode(random);
        var flush = random.Next(1, 20);
        var place = random.Next(4) < 3
            ? string.Create(CultureInfo.InvariantCulture, $"flush@/wal-:{flush}")
            : "flush@.snap:1";
        node.MayEnd = true;
        await cluster.BreakDiskAsync(node, $"{place}=EIO").ConfigureAwait(false);
        await node.EndsWithAsync(1, Patience).ConfigureAwait(false);
        if (node.Child.Reason?.Contains(Says, StringComparison.Ordinal) != true)
            throw new FailureException($"{node.Name} ended after a failed flush without a word: {node.Child.Reason}");
        cluster.Start(node);
        return new Struck($"failed {place} of {node.Name}", node);
    }
}
