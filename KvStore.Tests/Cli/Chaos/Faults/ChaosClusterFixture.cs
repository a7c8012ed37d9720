using KvStore.Cli.Chaos;
using KvStore.Cli.Dev;

namespace KvStore.Tests.Cli.Chaos.Faults;

/// <summary>A cluster for several faults, one after the other.</summary>
public sealed class ChaosClusterFixture : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly string _folder = Directory.CreateTempSubdirectory("kvstore-faults-").FullName;
    private ChaosCluster? _cluster;

    internal ChaosCluster Cluster => _cluster!;

    /// <summary>A client of the balancer.</summary>
    internal HttpClient Door { get; } = new();

    public async ValueTask InitializeAsync()
    {
        if (!OperatingSystem.IsLinux())
            return;    // links need all loopback addresses; the tests say that they are skipped
        var host = DotnetHost.Find(Environment.GetEnvironmentVariable);
        _cluster = new ChaosCluster(FreeTopology.Find(3, _folder), host, seed: 1)
        {
            NormalFlush = TimeSpan.FromMilliseconds(0.2),
        };
        Door.BaseAddress = new Uri(_cluster.Balancer.Url);
        await HealAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Door.Dispose();
        if (_cluster is not null)
            await _cluster.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Ends every fault, and waits until all serve: a balancer may not have noticed a short end.</summary>
    internal async Task HealAsync()
    {
        await Cluster.HealAsync();
        using var late = new CancellationTokenSource(Patience);
        foreach (var node in Cluster.Nodes)
        {
            while (await Cluster.StatusOfAsync(node) is not { State: "serving" })
                late.Token.ThrowIfCancellationRequested();
        }

        Assert.True(await Cluster.BecomesHealthyAsync(Patience), string.Join(' ', Cluster.Deaths));
    }
}
