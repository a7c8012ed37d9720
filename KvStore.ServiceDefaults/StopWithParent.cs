using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace KvStore.ServiceDefaults;

/// <summary>
/// Stops the host gracefully when its standard input ends. A launcher that holds the other end so has its children
/// end with it, however it ends, and can ask for a graceful stop on every platform by closing it.
/// </summary>
internal sealed class StopWithParent(Stream input, IHostApplicationLifetime lifetime) : IHostedService
{
    /// <summary>Set to <c>true</c> by a launcher; a service under a process manager has no standard input to end.</summary>
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

/// <summary>Registers <see cref="StopWithParent"/> where it is asked for.</summary>
internal static class StopWithParentExtensions
{
    internal static void AddStopWithParent(this IHostApplicationBuilder builder)
    {
        if (!Settings.IsOn(builder.Configuration, StopWithParent.Variable))
            return;
        builder.Services.AddHostedService(services => new StopWithParent(
            Console.OpenStandardInput(), services.GetRequiredService<IHostApplicationLifetime>()));
    }
}
