using System.Globalization;
using System.Text.Json;
using KvStore.Cli.Cluster;
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

    public static void Print(Terminal terminal, TransactionResponse answer)
    {
        PrintPairs(terminal, ("succeeded", answer.Succeeded ? "yes" : "no"), ("version", answer.Version));
        var table = Grid("key", "status", "version", "value");
        foreach (var item in answer.Results)
        {
            table.AddRow(
                Markup.Escape(item.Key),
                Text(item.Status),
                item.Version is { } version ? Text(version) : "",
                Markup.Escape(ValueOf(item)));
        }

        if (table.Rows.Count > 0)
            ConsoleOf(terminal).Write(table);
    }

    public static void Print(Terminal terminal, DroppedLine line) => PrintPairs(terminal, ("dropped", line.Name));

    public static void Print(Terminal terminal, DeletedLine line) =>
        PrintPairs(terminal, ("deleted", line.Key), ("version", Text(line.Version)), ("copies", line.Copies));

    /// <summary>A state, green when all is well, yellow when something is not, red when nothing is.</summary>
    public static string StateOf(string state)
    {
        var colour = state switch
        {
            ClusterHealth.Healthy or "up" or "serving" => "green",
            ClusterHealth.Unavailable or ClusterPicture.Unreachable or "down" or "killed" or "failed" => "red",
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

    public static Grid Pairs(params ReadOnlySpan<(string Name, string? Value)> pairs)
    {
        var grid = new Grid().AddColumn(new GridColumn().PadRight(2).NoWrap()).AddColumn();
        foreach (var (name, value) in pairs)
        {
            if (value is not null)
                grid.AddRow($"[dim]{name}[/]", Markup.Escape(value));
        }

        return grid;
    }

    private static void PrintPairs(Terminal terminal, params ReadOnlySpan<(string Name, string? Value)> pairs) =>
        ConsoleOf(terminal).Write(Pairs(pairs));

    private static string ValueOf(ItemResponse item) => item switch
    {
        { Base64: { } bytes } => $"{bytes.Length} bytes",
        { Value.ValueKind: not JsonValueKind.Undefined } => item.Value.GetRawText(),
        _ => "",
    };

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
