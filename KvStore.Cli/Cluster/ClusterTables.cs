using System.Globalization;
using KvStore.Cli.Verbs;
using KvStore.Contracts;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace KvStore.Cli.Cluster;

/// <summary>What people see of a cluster and of a node.</summary>
internal static class ClusterTables
{
    private const string Unknown = "[dim]-[/]";

    /// <summary>How it is, what is wrong, the ring, the nodes.</summary>
    public static Rows Draw(ClusterPicture picture, int width)
    {
        List<IRenderable> lines = [Headline(picture)];
        lines.AddRange(picture.Problems.Select(problem => new Markup($"[yellow]![/] {Markup.Escape(problem)}")));
        if (picture.Problems.IsEmpty)
            lines.Add(new Markup("[dim]Every node is up, and every partition has its primary and all its copies.[/]"));
        lines.AddRange(Ring(picture, width));
        if (!picture.Nodes.IsEmpty)
            lines.AddRange([Text.Empty, Nodes(picture)]);
        return new Rows(lines);
    }

    /// <summary>What a node says of itself, and what it knows of the ring and the others.</summary>
    public static Rows Draw(NodeStatus node, ClusterPicture picture, int width)
    {
        List<IRenderable> lines =
        [
            Tables.Pairs(
                ("node", node.Name),
                ("state", node.Detail is { } detail ? $"{node.State}: {detail}" : node.State),
                ("disk", node.Disk),
                ("url", node.Url),
                ("version", node.Version.Split('+')[0]),
                ("cluster", node.ClusterId),
                ("replicas", $"{node.Replicas.Primary} primary, {node.Replicas.Backup} backup"),
                ("keys", Plain(node.Keys)),
                ("bytes", Plain(node.Bytes)),
                ("requests", Plain(node.Requests))),
            .. Ring(picture, width),
        ];
        if (picture.Nodes.Length > 1)
            lines.AddRange([Text.Empty, Nodes(picture)]);
        return new Rows(lines);
    }

    /// <summary>A row for each node; where none is known, why.</summary>
    public static Renderable DrawNodes(ClusterPicture picture, int width) =>
        picture.Nodes.IsEmpty ? Draw(picture, width) : Nodes(picture);

    private static Table Nodes(ClusterPicture picture)
    {
        var table = new Table().Border(TableBorder.None);
        foreach (var name in (string[])["node", "state", "primary", "backup", "lag", "seen", "version", "url"])
        {
            var column = new TableColumn($"[dim]{name}[/]").PadLeft(0).PadRight(2);
            column.NoWrap = name is not "url";    // it alone may be folded on a narrow terminal
            column.Alignment = name is "primary" or "backup" or "lag" ? Justify.Right : Justify.Left;
            table.AddColumn(column);
        }

        foreach (var (place, node) in picture.Nodes.Index())
        {
            table.AddRow(
                $"{RingBar.DigitOf(place)} {Markup.Escape(node.Name ?? "?")}",
                node is { Status: NodeStates.Up, Disk: NodeStatus.DiskLow }
                    ? "[yellow]disk low[/]"
                    : Tables.StateOf(node.Status),
                Number(node.Primaries),
                Number(node.Backups),
                Number(node.LagEntries),
                SeenOf(node, picture),
                node.Version is { } version ? Markup.Escape(version) : Unknown,
                node.Url is { } url ? Markup.Escape(url) : Unknown);
        }

        return table;
    }

    private static Markup Headline(ClusterPicture picture)
    {
        List<string> parts = [];
        if (picture.Ring is { } ring)
            parts.Add($"{ring.Length} partitions, {picture.ReplicationFactor} copies each, view {picture.Epoch}");
        if (picture.ClusterId is { } id)
            parts.Add($"cluster {Markup.Escape(id)}");
        return new Markup($"[bold]{Tables.StateOf(picture.Status)}[/]  [dim]{string.Join(", ", parts)}[/]");
    }

    private static IEnumerable<IRenderable> Ring(ClusterPicture picture, int width) => picture.Ring is { } ring
        ? [Text.Empty, RingBar.Draw(ring, [.. picture.Nodes.Select(node => node.Name)], width)]
        : [];

    private static string SeenOf(NodePicture node, ClusterPicture picture) => node switch
    {
        { IsUp: true } => "now",
        { DownSeconds: { } seconds } => Diagnosis.Ago(seconds),
        _ => picture.Door is null ? "never" : Unknown,    // a node does not tell when a link broke
    };

    private static string Number(long? number) => number?.ToString("N0", CultureInfo.InvariantCulture) ?? Unknown;

    private static string Plain(long number) => number.ToString(CultureInfo.InvariantCulture);
}
