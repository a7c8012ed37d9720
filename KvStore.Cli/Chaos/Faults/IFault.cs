using System.Collections.Immutable;

namespace KvStore.Cli.Chaos.Faults;

/// <summary>Something that goes wrong for a while.</summary>
internal interface IFault
{
    /// <summary>What it needs for itself: two faults of one group never strike together.</summary>
    FaultGroup Group { get; }

    /// <summary>Whether it explains that a value is refused for want of room.</summary>
    bool LeavesNoRoom => false;

    /// <summary>Strikes, lasts, and ends.</summary>
    /// <exception cref="FailureException">What it did to a node had another end than was promised.</exception>
    Task<Struck> RunAsync(ChaosCluster cluster, Random random);
}

/// <summary>What was done by a fault.</summary>
/// <param name="Done">In a few words.</param>
/// <param name="Nodes">To whom; none when it concerned links without concerning one node more than others.</param>
internal sealed record Struck(string Done, params ImmutableArray<ChaosNode> Nodes);

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
