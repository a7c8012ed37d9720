namespace KvStore.AppHost.Tests;

/// <summary>The AppHost as <c>dotnet run</c> starts it, on free ports and an empty data directory.</summary>
public sealed class RunningAppHost : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly string _data = Directory.CreateTempSubdirectory("kvstore-apphost-").FullName;

    /// <summary>All of it.</summary>
    public DistributedApplication App { get; private set; } = null!;

    /// <summary>A client of the balancer.</summary>
    public HttpClient Door { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.KvStore_AppHost>(
            [$"--data-directory={_data}"], patience.Token);
        App = await builder.BuildAsync(patience.Token);
        await App.StartAsync(patience.Token);
        await App.ResourceNotifications.WaitForResourceHealthyAsync("balancer", patience.Token);
        Door = App.CreateHttpClient("balancer", "http");
    }

    /// <summary>As its button on the dashboard does.</summary>
    public async Task StopAsync(string node, CancellationToken cancellation)
    {
        var stopped = await App.ResourceCommands.ExecuteCommandAsync(
            node, KnownResourceCommands.StopCommand, cancellation);
        Assert.True(stopped.Success, stopped.Message);
        await App.ResourceNotifications.WaitForResourceAsync(
            node, KnownResourceStates.TerminalStates, cancellation);
    }

    /// <summary>Likewise; returns when it is healthy.</summary>
    public async Task StartAsync(string node, CancellationToken cancellation)
    {
        var started = await App.ResourceCommands.ExecuteCommandAsync(
            node, KnownResourceCommands.StartCommand, cancellation);
        Assert.True(started.Success, started.Message);
        await App.ResourceNotifications.WaitForResourceHealthyAsync(node, cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        Door?.Dispose();
        if (App is not null)
            await App.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }
}
