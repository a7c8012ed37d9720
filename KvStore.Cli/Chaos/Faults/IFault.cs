namespace KvStore.Cli.Chaos.Faults;

/// <summary>Something that goes wrong for a while.</summary>
internal interface IFault
{
    /// <summary>What it needs for itself: two faults of one group never strike together.</summary>
    FaultGroup Group { get; }

    /// <summary>Strikes, lasts, and ends.</summary>
    /// <returns>What was done, in a few words.</returns>
    Task<string> RunAsync(ChaosCluster cluster, Random random);
}

/// <summary>What faults can get in each other's way about.</summary>
internal enum FaultGroup
{
    /// <summary>Who runs, and on which disk.</summary>
    Lives,

    /// <summary>Who stands still.</summary>
    Pauses,

    /// <summary>What passes between nodes.</summary>
    Links,
}
