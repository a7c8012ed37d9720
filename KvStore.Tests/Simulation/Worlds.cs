using KvStore.Core.Primitives;

namespace KvStore.Tests.Simulation;

/// <summary>The kinds of worlds that are run, by name and seed.</summary>
internal static class Worlds
{
    /// <summary>Begins what is told of a failure that is no law's: an exception that nobody meant.</summary>
    public const string Crash = "crash: ";

    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(30);

    /// <summary>Runs a world to its end.</summary>
    /// <param name="kind">
    /// Usual, Vast, Harsh, Restless, Orders, Unsteady, Passing, Frozen, Forgetful, Deals, Lives, LostDisks, or CutOff:
    /// one node, from all others; SilentCutOff: that, while nobody writes.
    /// </param>
    /// <param name="seed">Draws it.</param>
    /// <param name="keptLines">How many of its last events are told when it fails.</param>
    /// <exception cref="SimulationFailedException">A law was broken.</exception>
    public static Simulator Run(string kind, int seed, int keptLines = 0)
    {
        Simulator world = new(kind, seed, SwarmOf(kind, seed), keptLines);
        world.Run(kind == "Vast" ? LongDuration(seed) : Duration);
        if (kind is "CutOff" or "SilentCutOff")
            world.CutOff(new NodeId((seed % world.Swarm.NodeCount) + 1), Duration / 4);
        world.HealAndSettle();
        return world;
    }

    /// <summary>
    /// What went wrong; null: nothing. The kind Twice is Usual, and a second time, when the same must happen.
    /// </summary>
    public static string? FailureOf(string kind, int seed)
    {
        try
        {
            if (kind == "Twice")
                SameTwice(seed);
            else
                Run(kind, seed);
            return null;
        }
        catch (SimulationFailedException failure)
        {
            var isLaw = failure.InnerException is null or SimulationFailedException or InvariantBrokenException;
            return isLaw ? failure.Message : $"{Crash}{failure}";
        }
    }

    private static Swarm SwarmOf(string kind, int seed) => kind switch
    {
        "Usual" => Swarm.Draw(seed),
        "Vast" => Swarm.Vast(seed),
        "Harsh" => Swarm.Harsh(seed),
        "Restless" => Swarm.Restless(seed),
        "Orders" => Swarm.Harsh(seed) with { MoveInterval = Swarm.Second / 5, LoseDiskInterval = 0 },
        "Frozen" => Swarm.Frozen(seed),
        "Unsteady" => Swarm.Unsteady(seed),
        "Forgetful" => Swarm.Forgetful(seed),
        "Deals" => Swarm.Deals(seed),
        "Lives" => Swarm.Lives(seed),
        "LivesUnsteady" => Swarm.Lives(seed) with
        {
            GroupCount = 1,
            HasBatches = true,
            CrashAllInterval = 0,
            CrashInterval = Swarm.Second,
            CutInterval = Swarm.Second,
            LoseDiskInterval = 0,
            MoveInterval = 0,
        },
        "LivesCutOff" => Swarm.Lives(seed) with
        {
            GroupCount = 1,
            HasBatches = true,
            CrashAllInterval = 0,
            CrashInterval = 0,
            CutInterval = Swarm.Second / 2,
            PauseInterval = Swarm.Second / 2,
            LongDelays = 0.1,
            Duplication = 0.1,
            TransferInterval = Swarm.Second / 2,
            LoseDiskInterval = 0,
            MoveInterval = 0,
        },
        "LostDisks" => Swarm.Harsh(seed) with { MoveInterval = 0, LoseDiskInterval = 2 * Swarm.Second },
        "Passing" => Swarm.Passing(seed),
        "CutOff" => Swarm.Quiet(seed),
        "SilentCutOff" => Swarm.Silent(seed),
        _ => throw new ArgumentException($"No world is called {kind}.", nameof(kind)),
    };

    /// <summary>From half a minute to ten, as many short ones as long ones, each by its own measure.</summary>
    private static TimeSpan LongDuration(int seed) => Duration * Math.Pow(20, new Random(~seed).NextDouble());

    private static void SameTwice(int seed)
    {
        var (first, second) = (Run("Usual", seed).Trace.Hash, Run("Usual", seed).Trace.Hash);
        Law.Holds(first == second, $"Seed {seed}: two runs of it are not the same");
    }
}
