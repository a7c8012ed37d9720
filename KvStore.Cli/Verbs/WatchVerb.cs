using System.CommandLine;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;
using KvStore.Cli.Dev;
using KvStore.Cli.Server;
using KvStore.Client.Transport;
using KvStore.Contracts;

namespace KvStore.Cli.Verbs;

/// <summary><c>kv watch</c>.</summary>
internal static class WatchVerb
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(45);    // three heartbeats

    public static Command Build(Terminal terminal)
    {
        var prefix = new Argument<string>("PREFIX")
        {
            Description = "What the keys begin with.",
            DefaultValueFactory = _ => "",
        };
        var bucket = BucketOption.Build();
        var since = new Option<string>("--since")
        {
            Description = "Where to begin: now, or a cursor that an earlier watch or a list gave.",
            HelpName = "now|CURSOR",
            DefaultValueFactory = _ => "now",
        };
        var kinds = new Option<string?>("--kinds")
        {
            Description = "Which changes: some of put, delete, expire, with commas; default: all.",
            HelpName = "KINDS",
        };
        var values = new Option<bool>("--values") { Description = "With the values that were put." };
        var output = OutputFormat.Option(
            "How to print each change: json (default) with its cursor; table: time, kind, key, version; raw: the key.");
        var server = ServerOption.Build(terminal);
        return new Command("watch", "Print changes as they are made, one line each, until Ctrl-C.")
        {
            prefix, bucket, since, kinds, values, output, server,
        }.Does(async parsed =>
        {
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            var target = new StringBuilder(
                Routes.Watch.Replace("{bucket}", parsed.GetRequiredValue(bucket), StringComparison.Ordinal));
            target.Append("?prefix=").Append(Uri.EscapeDataString(parsed.GetValue(prefix) ?? ""));
            target.Append("&values=").Append(parsed.GetValue(values) ? "full" : "none");
            if (parsed.GetValue(kinds) is { } some)
                target.Append("&kinds=").Append(Uri.EscapeDataString(some));
            using var signals = new StopSignals();
            var start = parsed.GetRequiredValue(since);
            var print = PrinterOf(terminal, parsed.GetValue(output));
            await FollowAsync(terminal, connection, target.ToString(), start, print, signals.Requested)
                .ConfigureAwait(false);
            return ExitCodes.Ok;
        });
    }

    /// <summary>Whatever ends a stream but the user and a refusal, the next one goes on where it ended.</summary>
    internal static async Task FollowAsync(
        Terminal terminal,
        KvServer server,
        string target,
        string since,
        Action<SseItem<string>, string> print,
        CancellationToken stop)
    {
        var hasBegun = false;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var request = server.For(HttpMethod.Get, $"{target}&since={Uri.EscapeDataString(since)}");
                request.Headers.Accept.ParseAdd("text/event-stream");
                using var answer = await server.OpenAsync(request, stop).ConfigureAwait(false);
                hasBegun = true;
                var content = await answer.Content.ReadAsStreamAsync(stop).ConfigureAwait(false);
                await using var stream = new LiveStream(content, Silence, terminal.Time);
                var events = SseParser.Create(stream);
                await foreach (var item in events.EnumerateAsync(stop).ConfigureAwait(false))
                {
                    since = events.LastEventId.Length > 0 ? events.LastEventId : since;
                    if (item.EventType is "put" or "delete" or "expire")
                        print(item, since);
                    else if (item.EventType is "end" && item.Data.Contains("bucket-gone", StringComparison.Ordinal))
                        throw new FailureException("The bucket was dropped.", ExitCodes.NotFound);
                }
            }
            catch (Exception lost) when (IsLost(lost) && hasBegun)
            {
                terminal.Messages.Note($"the stream was lost and is taken up again: {lost.Message}");
                await Task.Delay(Pause, terminal.Time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private static bool IsLost(Exception failure) => failure is IOException or HttpRequestException
        or FailureException { ExitCode: ExitCodes.Unavailable };

    /// <summary>Prints an event, which may have a cursor.</summary>
    internal static Action<SseItem<string>, string> PrinterOf(Terminal terminal, string? format) => (item, cursor) =>
    {
        using var data = JsonDocument.Parse(item.Data);
        terminal.Out.WriteLine(format switch
        {
            OutputFormat.Table => $"{terminal.Time.GetLocalNow():HH:mm:ss}  {item.EventType,-6}  {KeyIn(data)}"
                + $"  {data.RootElement.GetProperty("version").GetRawText()}",
            OutputFormat.Raw => KeyIn(data),
            _ => JsonSerializer.Serialize(
                new WatchedLine(item.EventType, data.RootElement, item.EventId is null ? null : cursor),
                VerbJson.Lines.WatchedLine),
        });
    };

    private static string KeyIn(JsonDocument change) => change.RootElement.GetProperty("key").GetString()!;
}
