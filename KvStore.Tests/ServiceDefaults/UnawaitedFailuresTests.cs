using System.Runtime.CompilerServices;
using KvStore.ServiceDefaults;
using Microsoft.Extensions.Logging;

namespace KvStore.Tests.ServiceDefaults;

public sealed class UnawaitedFailuresTests
{
    [Fact]
    public async Task What_failed_in_a_task_that_nobody_waits_for_is_said_until_the_program_ends()
    {
        using CollectedLog log = new();
        UnawaitedFailures failures = new(new Logger<UnawaitedFailures>(new LoggerFactory([log])));
        await failures.StartAsync(CancellationToken.None);
        Lose("said");
        Assert.Contains(
            log.Lines,
            line => line.StartsWith("A task that nobody waits for has failed", StringComparison.Ordinal)
                && line.Contains("said", StringComparison.Ordinal));

        await failures.StopAsync(CancellationToken.None);
        Lose("unsaid");
        Assert.DoesNotContain(log.Lines, line => line.Contains("unsaid", StringComparison.Ordinal));
    }

    private static void Lose(string message)
    {
        Fail(message);
#pragma warning disable RS0030 // a task tells that nobody looked at its failure when it is collected
        GC.Collect();
#pragma warning restore RS0030
        GC.WaitForPendingFinalizers();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Fail(string message) => _ = Task.FromException(new InvalidOperationException(message));
}
