using System.CommandLine;
using KvStore.Cli.Dev;
using KvStore.Cli.Verbs;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace KvStore.Cli.Cluster;

/// <summary>Prints how a cluster looks: once, or again and again, on a terminal in the same place.</summary>
/// <param name="terminal">Where.</param>
/// <param name="format">One of <see cref="OutputFormat"/>.</param>
/// <param name="draw">As a table, in so many columns.</param>
/// <param name="say">In the other formats; empty: nothing but the problems.</param>
internal sealed class ClusterView(
    Terminal terminal,
    string format,
    Func<ClusterPicture, int, IRenderable> draw,
    Func<ClusterPicture, string> say)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private readonly IAnsiConsole _console = Tables.ConsoleOf(terminal);

    /// <summary>The option <c>--watch</c>.</summary>
    public static Option<bool> WatchOption() => new("--watch", "-w")
    {
        Description = $"Look again every {Interval.TotalSeconds:0} seconds, until Ctrl-C.",
    };

    /// <summary>Prints it once, or, watched, until Ctrl-C.</summary>
    /// <param name="look">Looks at the cluster.</param>
    /// <param name="isWatched">Whether to look again and again.</param>
    /// <returns>What was printed once; null: it was watched.</returns>
    /// <exception cref="FailureException">The first look fails.</exception>
    public async Task<ClusterPicture?> ShowAsync(Func<CancellationToken, Task<ClusterPicture>> look, bool isWatched)
    {
        if (isWatched)
        {
            using var signals = new StopSignals();
            await WatchAsync(look, signals.Requested).ConfigureAwait(false);
            return null;
        }

        var picture = await look(CancellationToken.None).ConfigureAwait(false);
        Print(picture);
        return picture;
    }

    /// <summary>Prints it once.</summary>
    private void Print(ClusterPicture picture)
    {
        if (format is OutputFormat.Table)
            _console.Write(Draw(picture));
        else if (say(picture) is { Length: > 0 } text)
            terminal.Out.WriteLine(text);
        else if (!picture.Problems.IsEmpty)
            terminal.Messages.Note(string.Join(' ', picture.Problems));
    }

    /// <summary>Prints until it is stopped; a door that no longer answers is part of the picture.</summary>
    /// <param name="look">Looks at the cluster.</param>
    /// <param name="stop">The end.</param>
    /// <exception cref="FailureException">The first look fails.</exception>
    public async Task WatchAsync(Func<CancellationToken, Task<ClusterPicture>> look, CancellationToken stop)
    {
        try
        {
            var first = await look(stop).ConfigureAwait(false);
            if (format is OutputFormat.Table && terminal.IsOutputTerminal)
            {
                await _console.Live(Draw(first)).Overflow(VerticalOverflow.Crop).StartAsync(live => RepeatAsync(
                    look, picture => live.UpdateTarget(Draw(picture)), stop)).ConfigureAwait(false);
                return;
            }

            Print(first);
            await RepeatAsync(look, Print, stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // That is how it ends.
        }
    }

    private async Task RepeatAsync(
        Func<CancellationToken, Task<ClusterPicture>> look, Action<ClusterPicture> show, CancellationToken stop)
    {
        while (true)
        {
            await Task.Delay(Interval, terminal.Time, stop).ConfigureAwait(false);
            try
            {
                show(await look(stop).ConfigureAwait(false));
            }
            catch (FailureException failure)
            {
                show(new()
                {
                    Status = ClusterPicture.Unreachable,
                    Problems = [CommandLine.OneLine(failure.Message)],
                });
            }
        }
    }

    private IRenderable Draw(ClusterPicture picture) => draw(picture, _console.Profile.Width);
}
