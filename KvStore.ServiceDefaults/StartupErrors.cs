using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KvStore.ServiceDefaults;

/// <summary>
/// Why a program does not start, or does not end in order, in one line for whoever started it: what was wrong and what
/// was expected. For mistakes in settings and surroundings, not for defects.
/// </summary>
public sealed class StartupException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Runs a program so that a failure to start is one line on standard error and exit code 1.</summary>
public static class StartupErrors
{
    private const string HostCategory = "Microsoft.Extensions.Hosting.Internal.Host";
    private const string ServerCategory = "Microsoft.AspNetCore.Server.Kestrel";

    /// <summary>Builds and runs a program until it is asked to stop.</summary>
    /// <param name="build">Reads the settings and builds the program; may throw <see cref="StartupException"/>.</param>
    /// <returns>The exit code: 0 after an orderly end, 1 when it could not start.</returns>
    public static Task<int> RunOrExplainAsync(Func<WebApplication> build) => RunOrExplainAsync(build, Console.Error);

    internal static async Task<int> RunOrExplainAsync(Func<WebApplication> build, TextWriter errors)
    {
        ArgumentNullException.ThrowIfNull(build);
        try
        {
            await using var app = build();
            await RunAsync(app).ConfigureAwait(false);
            return 0;
        }
        catch (Exception failure) when (Explain(failure) is { } line)
        {
            await errors.WriteLineAsync(line).ConfigureAwait(false);
            return 1;
        }
    }

    private static async Task RunAsync(WebApplication app)
    {
        try
        {
            await app.StartAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (app.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return;    // asked to stop before it had started: that is an orderly end, too
        }

        try
        {
            await app.WaitForShutdownAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException late)
        {
            throw new StartupException("Not everything had ended when the time for stopping was over.", late);
        }
    }

    /// <summary>
    /// While starting, the host and the server log each failure with its stack trace before they throw it; the line of
    /// <see cref="Explain"/>, or the unhandled exception, says it once.
    /// </summary>
    internal static void AddStartupErrors(this IHostApplicationBuilder builder)
    {
        var phase = new StartupPhase();
        builder.Services.AddHostedService(services =>
        {
            services.GetRequiredService<IHostApplicationLifetime>().ApplicationStarted.Register(phase.End);
            return phase;
        });
        builder.Logging.AddFilter(HostCategory, level => level >= LogLevel.Warning && phase.HasEnded);
        builder.Logging.AddFilter(
            ServerCategory, level => level >= LogLevel.Warning && (phase.HasEnded || level < LogLevel.Error));
    }

    /// <summary>The line for a failure that the one who starts the program can mend; null for a defect.</summary>
    internal static string? Explain(Exception failure) => failure switch
    {
        StartupException => OneLine(failure.Message),
        InvalidOperationException { Source: "Microsoft.Extensions.Configuration.Binder" } => OneLine(failure.Message),
        OptionsValidationException options => OneLine(string.Join(' ', options.Failures)),
        IOException { InnerException: AddressInUseException } => OneLine(failure.Message),
        SocketException { SocketErrorCode: SocketError.AccessDenied or SocketError.AddressNotAvailable } =>
            OneLine($"Failed to listen: {failure.Message}."),
        IOException { InnerException: AggregateException { InnerException: SocketException socket } } =>
            OneLine($"{failure.Message} {socket.Message}."),
        AggregateException { InnerExceptions: [var only] } => Explain(only),
        _ => null,
    };

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();

    /// <summary>Whether the host is still starting.</summary>
    private sealed class StartupPhase : IHostedService
    {
        private volatile bool _hasEnded;

        public bool HasEnded => _hasEnded;

        public void End() => _hasEnded = true;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
