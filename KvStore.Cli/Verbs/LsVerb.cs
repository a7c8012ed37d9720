using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using KvStore.Cli.Server;
using KvStore.Contracts;
using Spectre.Console;

namespace KvStore.Cli.Verbs;

/// <summary><c>kv ls</c>.</summary>
internal static class LsVerb
{
    private const int PageSize = 1000;

    public static Command Build(Terminal terminal)
    {
        var options = new Selection();
        var output = OutputFormat.Option(
            "How to print: raw (default): keys alone, one a line; json: what the server says of each; table.");
        var server = ServerOption.Build(terminal);
        var verb = new Command("ls", "List keys in byte order, all from one snapshot.") { output, server };
        options.AddTo(verb);
        return verb.Does(async parsed =>
        {
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            var printer = new Printer(terminal, parsed.GetValue(output));
            var left = parsed.GetValue(options.Limit) ?? long.MaxValue;
            for (string? cursor = ""; cursor is not null && left > 0;)
            {
                var target = options.TargetOf(parsed, (int)Math.Min(left, PageSize), cursor);
                using var answer = await connection
                    .AskAsync(connection.For(HttpMethod.Get, target))
                    .ConfigureAwait(false);
                using var page = await ReadAsync(answer).ConfigureAwait(false);
                left -= printer.Print(page.RootElement);
                cursor = page.RootElement.TryGetProperty("cursor", out var next) ? next.GetString() : null;
            }

            printer.End();
            return ExitCodes.Ok;
        });
    }

    private static async Task<JsonDocument> ReadAsync(HttpResponseMessage answer)
    {
        try
        {
            var stream = await answer.Content.ReadAsStreamAsync().ConfigureAwait(false);
            return await JsonDocument.ParseAsync(stream).ConfigureAwait(false);
        }
        catch (JsonException failure)
        {
            throw new FailureException("The answer is not a list of keys of a KvStore.", inner: failure);
        }
    }

    /// <summary>Which keys.</summary>
    private sealed class Selection
    {
        private readonly Argument<string> _prefix = new("PREFIX")
        {
            Description = "What the keys begin with.",
            DefaultValueFactory = _ => "",
        };

        private readonly Option<string> _bucket = BucketOption.Build();
        private readonly Option<string?> _start = new("--start") { Description = "The first key.", HelpName = "KEY" };
        private readonly Option<string?> _end = new("--end")
        {
            Description = "The key to stop before.",
            HelpName = "KEY",
        };

        private readonly Option<string?> _delimiter = new("--delimiter")
        {
            Description = "Shows keys that are alike up to this text as one, like folders.",
            HelpName = "TEXT",
        };

        private readonly Option<bool> _reverse = new("--reverse", "-r") { Description = "The last key first." };
        private readonly Option<string?> _values = new Option<string?>("--values")
        {
            Description = "With json: what is told of each key.",
            HelpName = "none|meta|full",
        }.AcceptOnlyFromAmong("none", "meta", "full");

        public Option<long?> Limit { get; } = new("--limit", "-n")
        {
            Description = "The most keys; default: all.",
            HelpName = "NUMBER",
        };

        public void AddTo(Command verb)
        {
            verb.Arguments.Add(_prefix);
            foreach (var option in (Option[])[_bucket, _start, _end, _delimiter, _reverse, _values, Limit])
                verb.Options.Add(option);
        }

        public string TargetOf(ParseResult parsed, int limit, string cursor)
        {
            var bucket = parsed.GetRequiredValue(_bucket);
            var target = new StringBuilder(Routes.BucketKeys.Replace("{bucket}", bucket, StringComparison.Ordinal));
            target.Append(CultureInfo.InvariantCulture, $"?limit={limit}");
            Add(target, "prefix", parsed.GetValue(_prefix));
            Add(target, "start", parsed.GetValue(_start));
            Add(target, "end", parsed.GetValue(_end));
            Add(target, "delimiter", parsed.GetValue(_delimiter));
            Add(target, "order", parsed.GetValue(_reverse) ? "desc" : null);
            Add(target, "values", parsed.GetValue(_values));
            Add(target, "cursor", cursor);
            return target.ToString();
        }

        private static void Add(StringBuilder target, string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
                target.Append('&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
        }
    }

    /// <summary>Prints page by page; a table at the end, when its columns are known.</summary>
    private sealed class Printer(Terminal terminal, string? format)
    {
        private readonly Table _table = Tables.Grid("key", "size", "etag");

        public int Print(JsonElement page)
        {
            var printed = 0;
            foreach (var item in page.GetProperty("items").EnumerateArray())
            {
                printed++;
                PrintItem(item);
            }

            if (!page.TryGetProperty("prefixes", out var prefixes))
                return printed;
            foreach (var prefix in prefixes.EnumerateArray())
            {
                printed++;
                PrintPrefix(prefix);
            }

            return printed;
        }

        public void End()
        {
            if (format is OutputFormat.Table)
                Tables.ConsoleOf(terminal).Write(_table);
        }

        private void PrintItem(JsonElement item)
        {
            switch (format)
            {
                case OutputFormat.Json:
                    terminal.Out.WriteLine(item.GetRawText());
                    break;
                case OutputFormat.Table:
                    _table.AddRow(
                        Markup.Escape(item.GetProperty("key").GetString()!),
                        item.GetProperty("size").GetRawText(),
                        Markup.Escape(item.GetProperty("etag").GetString()!));
                    break;
                default:
                    terminal.Out.WriteLine(item.GetProperty("key").GetString());
                    break;
            }
        }

        private void PrintPrefix(JsonElement prefix)
        {
            if (format is OutputFormat.Json)
                terminal.Out.WriteLine($$"""{"prefix":{{prefix.GetRawText()}}}""");
            else if (format is OutputFormat.Table)
                _table.AddRow(Markup.Escape(prefix.GetString()!), "", "");
            else
                terminal.Out.WriteLine(prefix.GetString());
        }
    }
}
