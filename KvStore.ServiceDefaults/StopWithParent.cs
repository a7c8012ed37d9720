using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace KvStore.ServiceDefaults;

/// <summary>
/// Stops the host gracefully when its standard input ends. A launcher that holds the other end so has its children
/// end with it, however it ends, and can ask for a graceful stop on every platform by closing it.
/// </summary>
internal sealed class StopWithParent(Stream input, IHostApplicationLifetime lifetime) : IHostedService
{
    /// <summary>
    /// Set to <c>true</c> by a launcher; a service under a process manager has no standard input to end.
    /// </summary>
    internal const string Variable = "KVSTORE_STOP_WITH_STDIN";

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        // A thread of its own: reading standard input blocks, and a pool thread must not.
        new Thread(WaitForEnd) { IsBackground = true, Name = nameof(StopWithParent) }.Start();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void WaitForEnd()
    {
        Span<byte> ignored = stackalloc byte[256];
        try
        {
            while (input.Read(ignored) > 0)
            {
                // What a launcher sends means nothing; only the end does.
            }
        }
        catch (IOException)
        {
            // A broken pipe is an end, too.
        }

        lifetime.StopApplication();
    }
}

/// <summary>
/// When a program ends that a launcher started: at the end of its input, and on SIGTERM. What a terminal sends to the
/// whole group of processes (Ctrl-C, a hang-up) is for the launcher alone, which then ends its children in its order.
/// </summary>
internal sealed class ChildLifetime(IHostApplicationLifetime lifetime) : IHostLifetime, IDisposable
{
    private readonly List<PosixSignalRegistration> _signals = [];

    /// <inheritdoc/>
    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        On(PosixSignal.SIGTERM, lifetime.StopApplication);
        foreach (var forTheLauncher in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGQUIT, PosixSignal.SIGHUP])
            On(forTheLauncher, () => { });
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public void Dispose() => _signals.ForEach(signal => signal.Dispose());

    private void On(PosixSignal signal, Action act) => _signals.Add(PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;    // what the system would do: end at once
        act();
    }));
}

/// <summary>Registers <see cref="StopWithParent"/> where it is asked for.</summary>
internal static class StopWithParentExtensions
{
    internal static void AddStopWithParent(this IHostApplicationBuilder builder)
    {
        if (!Settings.IsOn(builder.Configuration, StopWithParent.Variable))
            return;
        builder.Services.AddSingleton<IHostLifetime, ChildLifetime>();
        builder.Services.AddHostedService(services => new StopWithParent(
            Console.OpenStandardInput(), services.GetRequiredService<IHostApplicationLifetime>()));
    }
}
