using System.Globalization;
using KvStore.Contracts;
using Spectre.Console;

namespace KvStore.Cli.Verbs;

/// <summary>What people see.</summary>
internal static class Tables
{
    /// <summary>Colours only where they can be shown and <c>NO_COLOR</c> is not set.</summary>
    public static IAnsiConsole ConsoleOf(Terminal terminal) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new AnsiConsoleOutput(terminal.Out),
        Ansi = terminal.IsOutputTerminal ? AnsiSupport.Detect : AnsiSupport.No,
        ColorSystem = terminal.IsOutputTerminal && string.IsNullOrEmpty(terminal.Variable("NO_COLOR"))
            ? ColorSystemSupport.Detect
            : ColorSystemSupport.NoColors,
    });

    public static void Print(Terminal terminal, ReadLine entry, string value) => PrintPairs(
        terminal,
        ("key", entry.Key),
        ("value", value),
        ("type", entry.ContentType),
        ("version", Text(entry.Version)),
        ("etag", entry.Etag),
        ("read", entry.StalenessMs is { } age ? $"{entry.Consistency}, at most {age} ms old" : entry.Consistency),
        ("served by", entry.ServedBy));

    public static void Print(Terminal terminal, WrittenLine line) => PrintPairs(
        terminal,
        (line.Created ? "created" : "stored", line.Key),
        ("version", Text(line.Version)),
        ("etag", line.Etag),
        ("expires", line.Expires),
        ("copies", line.Copies));

    public static void Print(Terminal terminal, CountedLine line) => PrintPairs(
        terminal,
        (line.Key, Text(line.Value)),
        ("version", Text(line.Version)),
        ("etag", line.Etag),
        ("expires", line.Expires));

    public static void Print(Terminal terminal, TouchedLine line) => PrintPairs(
        terminal,
        ("touched", line.Key),
        ("version", Text(line.Version)),
        ("etag", line.Etag),
        ("expires", line.Expires ?? "never"));

    public static void Print(Terminal terminal, IEnumerable<BucketResponse> buckets)
    {
        var table = Grid("bucket", "ttl", "largest value", "conditions", "reads", "cache control");
        foreach (var bucket in buckets)
        {
            table.AddRow(
                Markup.Escape(bucket.Name),
                bucket.Settings.DefaultTtl ?? "",
                bucket.Settings.MaxValueBytes is { } bytes ? Text(bytes) : "",
                bucket.Settings.RequireConditionalWrites is true ? "required" : "",
                bucket.Settings.DefaultConsistency ?? "",
                Markup.Escape(bucket.Settings.CacheControl ?? ""));
        }

        ConsoleOf(terminal).Write(table);
    }

    public static void Print(Terminal terminal, DeletedLine line) =>
        PrintPairs(terminal, ("deleted", line.Key), ("version", Text(line.Version)), ("copies", line.Copies));

    public static void Print(Terminal terminal, ClusterHealth health)
    {
        var console = ConsoleOf(terminal);
        console.MarkupLine($"[bold]{StateOf(health.Status)}[/]  [dim]view {Text(health.Epoch)}[/]");
        var table = Grid("node", "state", "primaries", "url");
        table.Columns[2].RightAligned();
        foreach (var node in health.Nodes)
        {
            table.AddRow(
                Markup.Escape(node.Name ?? "?"), StateOf(node.Status), Text(node.Primaries), Markup.Escape(node.Url));
        }

        console.Write(table);
    }

    public static void Print(Terminal terminal, NodeStatus node)
    {
        PrintPairs(
            terminal,
            ("node", node.Name),
            ("state", node.Detail is { } detail ? $"{node.State}: {detail}" : node.State),
            ("disk", node.Disk),
            ("url", node.Url),
            ("cluster", node.ClusterId),
            ("replicas", $"{node.Replicas.Primary} primary, {node.Replicas.Backup} backup"),
            ("keys", Text(node.Keys)),
            ("bytes", Text(node.Bytes)),
            ("requests", Text(node.Requests)));
    }

    /// <summary>A state, green when all is well, yellow when something is not, red when nothing is.</summary>
    public static string StateOf(string state)
    {
        var colour = state switch
        {
            ClusterHealth.Healthy or "up" or "serving" => "green",
            ClusterHealth.Unavailable or "down" or "killed" or "failed" => "red",
            "stopped" => "grey",
            _ => "yellow",
        };
        return $"[{colour}]{Markup.Escape(state)}[/]";
    }

    public static Table Grid(params ReadOnlySpan<string> columns)
    {
        var table = new Table().Border(TableBorder.None);
        foreach (var column in columns)
            table.AddColumn(new TableColumn($"[dim]{column}[/]").PadLeft(0).PadRight(3).NoWrap());
        return table;
    }

    private static void PrintPairs(Terminal terminal, params ReadOnlySpan<(string Name, string? Value)> pairs)
    {
        var grid = new Grid().AddColumn(new GridColumn().PadRight(2).NoWrap()).AddColumn();
        foreach (var (name, value) in pairs)
        {
            if (value is not null)
                grid.AddRow($"[dim]{name}[/]", Markup.Escape(value));
        }

        ConsoleOf(terminal).Write(grid);
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
