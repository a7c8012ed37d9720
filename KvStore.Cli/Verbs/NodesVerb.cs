using System.CommandLine;
using System.Text.Json;
using KvStore.Cli.Cluster;
using KvStore.Cli.Server;

namespace KvStore.Cli.Verbs;

/// <summary><c>kv nodes</c>.</summary>
internal static class NodesVerb
{
    public static Command Build(Terminal terminal)
    {
        var watch = ClusterView.WatchOption();
        var output = OutputFormat.Option(
            "How to print: table (default on a terminal), json (default elsewhere): a line for each, raw: URLs.");
        var server = ServerOption.Build(terminal);
        return new Command("nodes", "List the nodes: what each leads, keeps and lacks, and since when one is down.")
        {
            watch, output, server,
        }.Does(async parsed =>
        {
            using var connection = new KvServer(
                parsed.GetRequiredValue(server), patience: ClusterSurvey.Patience);
            using var survey = new ClusterSurvey(connection);
            var format = OutputFormat.For(terminal, parsed.GetValue(output));
            var view = new ClusterView(terminal, format, ClusterTables.DrawNodes, picture => Text(picture, format));
            await view.ShowAsync(survey.TakeAsync, parsed.GetValue(watch)).ConfigureAwait(false);
            return ExitCodes.Ok;
        });
    }

    private static string Text(ClusterPicture picture, string format) => string.Join(
        Environment.NewLine,
        format is OutputFormat.Raw
            ? picture.Nodes.Select(node => node.Url).OfType<string>()
            : picture.Nodes.Select(node => JsonSerializer.Serialize(node, ClusterJson.Lines.NodePicture)));
}
