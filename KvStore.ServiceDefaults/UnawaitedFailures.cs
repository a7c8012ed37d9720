using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace KvStore.ServiceDefaults;

/// <summary>Says what failed in tasks that nobody waits for, which would else end in silence.</summary>
internal sealed partial class UnawaitedFailures(ILogger<UnawaitedFailures> logger) : IHostedService
{
    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        TaskScheduler.UnobservedTaskException += Tell;
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        TaskScheduler.UnobservedTaskException -= Tell;
        return Task.CompletedTask;
    }

    private void Tell(object? sender, UnobservedTaskExceptionEventArgs failed) => Failed(logger, failed.Exception);

    [LoggerMessage(9001, LogLevel.Error, "A task that nobody waits for has failed")]
    private static partial void Failed(ILogger logger, Exception failure);
}
