namespace KvStore.Cli.Dev;

/// <summary>Tells whoever started a cluster how it is: lines for programs, a table for people.</summary>
internal interface IDevOutput
{
    /// <summary>Takes an event, from any thread.</summary>
    void Report(DevEvent happened);

    /// <summary>Runs beside the cluster until <paramref name="end"/>.</summary>
    Task RunAsync(DevCluster cluster, CancellationToken end);
}
