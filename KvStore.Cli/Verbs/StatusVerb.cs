using System.CommandLine;
using System.Text.Json;
using KvStore.Cli.Cluster;
using KvStore.Cli.Server;
using KvStore.Contracts;
using Spectre.Console;

namespace KvStore.Cli.Verbs;

/// <summary><c>kv status</c>.</summary>
internal static class StatusVerb
{
    public static Command Build(Terminal terminal)
    {
        var watch = ClusterView.WatchOption();
        var output = OutputFormat.Option(
            "How to print: table (default on a terminal), json (default elsewhere), raw: the state alone.");
        var server = ServerOption.Build(terminal);
        return new Command("status", "Show how a cluster or a node is; exit code 5 when it cannot serve.")
        {
            watch, output, server,
        }.Does(async parsed =>
        {
            using var connection = new KvServer(
                parsed.GetRequiredValue(server), patience: ClusterSurvey.Patience);
            using var survey = new ClusterSurvey(connection);
            var format = OutputFormat.For(terminal, parsed.GetValue(output));
            var view = new ClusterView(terminal, format, Draw, picture => Text(picture, format));
            Func<CancellationToken, Task<ClusterPicture>> look =
                format is OutputFormat.Raw ? survey.GlanceAsync : survey.TakeAsync;
            var shown = await view.ShowAsync(look, parsed.GetValue(watch)).ConfigureAwait(false);
            return shown is null || CanServe(shown) ? ExitCodes.Ok : ExitCodes.Unavailable;
        });
    }

    private static Rows Draw(ClusterPicture picture, int width) => picture.Door is { } node
        ? ClusterTables.Draw(node, picture, width)
        : ClusterTables.Draw(picture, width);

    private static string Text(ClusterPicture picture, string format) => (format, picture.Door) switch
    {
        (OutputFormat.Raw, _) => picture.Status,
        (_, { } node) => JsonSerializer.Serialize(node, ContractsJson.Default.NodeStatus),
        _ => JsonSerializer.Serialize(picture, ClusterJson.Lines.ClusterPicture),
    };

    private static bool CanServe(ClusterPicture picture) => picture.Door is { } node
        ? node.State == NodeStates.Serving
        : picture.Status != ClusterHealth.Unavailable;
}
