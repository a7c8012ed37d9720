namespace KvStore.Cli.Chaos.Faults;

/// <summary>
/// One node has no room for anything new, now and then all have none. What has its room already, the log's present
/// segment, can still be written: so reads and deletes go on, and values are refused before they come to the log.
/// </summary>
internal sealed class FullDiskFault : IFault
{
    /// <summary>Nothing is free, and whatever is written aside finds no room.</summary>
    private const string NoRoom = "space=0;write@.tmp=ENOSPC";

    public FaultGroup Group => FaultGroup.Lives;

    public bool LeavesNoRoom => true;

    public async Task<Struck> RunAsync(ChaosCluster cluster, Random random)
    {
        ChaosNode[] full = random.Next(4) < 3 ? [cluster.AnyNode(random)] : [.. cluster.Nodes];
        var lasts = TimeSpan.FromMilliseconds(random.Next(2000, 6000));
        await Task.WhenAll(full.Select(node => cluster.BreakDiskAsync(node, NoRoom))).ConfigureAwait(false);
        await Task.Delay(lasts).ConfigureAwait(false);
        await cluster.MendDisksAsync().ConfigureAwait(false);
        return new Struck(
            $"filled the disk of {string.Join(", ", full.Select(node => node.Name))} for {lasts.TotalSeconds:F1} s",
            [.. full]);
    }
}
