namespace KvStore.Tests.Simulation;

/// <summary>
/// The simulation has teeth: a correct core under a host that breaks one law is found out within a few seeds.
/// </summary>
public sealed class HostFlawTests(ITestOutputHelper output)
{
    private const int MaxSeeds = 500;
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(30);

    public static TheoryData<string> Flaws =>
        [.. Enum.GetNames<HostFlaw>().Where(flaw => flaw != nameof(HostFlaw.None))];

    [Theory, MemberData(nameof(Flaws))]
    public void A_host_is_caught_that(string flaw)
    {
        for (var seed = 1; seed <= MaxSeeds; seed++)
        {
            if (FailureOf(seed, Enum.Parse<HostFlaw>(flaw)) is not { } failure)
                continue;
            output.WriteLine($"{flaw}: {failure.Message}");
            return;
        }

        Assert.Fail($"{flaw} went unnoticed for {MaxSeeds} seeds");
    }

    /// <summary>Flaws that show only after a crash or a lost primary are met sooner where those are common.</summary>
    private static Swarm Harsh(int seed) => Swarm.Draw(seed) with
    {
        CrashInterval = Swarm.Second / 2,
        CutInterval = 2 * Swarm.Second,
        SnapshotInterval = Swarm.Second,
        LongDelays = 0.05,
    };

    private static SimulationFailedException? FailureOf(int seed, HostFlaw flaw)
    {
        try
        {
            Simulator world = new(seed, Harsh(seed), flaw);
            world.Run(Duration);
            world.HealAndSettle();
            return null;
        }
        catch (SimulationFailedException failure)
        {
            return failure;
        }
    }
}
