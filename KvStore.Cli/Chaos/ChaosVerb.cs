using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using KvStore.Cli.Chaos.Faults;
using KvStore.Cli.Chaos.Load;
using KvStore.Cli.Dev;
using KvStore.Topology;
using KvStore.Verification;

namespace KvStore.Cli.Chaos;

/// <summary>
/// <c>kv chaos</c>: shows that a real cluster keeps its promises while things go wrong. For those who work on KvStore;
/// the everyday help does not list it.
/// </summary>
internal static class ChaosVerb
{
    private const string Description =
        "Start a cluster of processes on free ports, with a proxy on every link between two nodes; have "
        + "clients work on it while faults strike, one round after the other; judge all they were told. Exit code 0: "
        + "every promise was kept; 1: one was not, and histories, data and logs are kept. For Linux.";

    private const string Text = "text";

    public static Command Build(Terminal terminal)
    {
        var seed = Number("--seed", 0, int.MaxValue, "Chance follows from it; default: another one each time.");
        var rounds = Number("--rounds", 1, 1_000_000, "Rounds, each healed and judged; default: as many as fit.");
        var duration = Time(
            "--duration", "No round begins later: 90s, 10m or 2h; default: 1m, or no limit with --rounds.");
        var calm = Time("--calm", "Load before each fault, to compare with: 5s; default: 0.3 to 1.5 s, by chance.");
        var faults = FaultKinds();
        var load = LoadKinds();
        var clients = Number("--clients", 1, 256, "Clients: half at the balancer, half at one node each; default: 8.");
        var rate = Number("--rate", 1, 100_000, "Operations per second of all clients together; default: 200.");
        var keys = Number("--keys", 1, 10_000, "Keys at a time; the fewer, the more is found; default: 6.");
        var nodes = Number("--nodes", 1, ClusterTopology.MaxNodes, "Nodes; default: 3.");
        var data = new Option<string?>("--data")
        {
            Description = "A new directory for data and logs; default: a temporary one, removed after a good run.",
            HelpName = "DIR",
        };
        var history = new Option<string?>("--history")
        {
            Description = "Where the history goes, as JSON lines; default: into the data directory.",
            HelpName = "FILE",
        };
        var judge = new Option<string?>("--judge")
        {
            Description = "Start nothing: judge a history that an earlier run wrote.",
            HelpName = "FILE",
        };
        var output = new Option<string?>("--output", "-o")
        {
            Description = "text (default on a terminal): sentences; json (default elsewhere): one event per line.",
            HelpName = "text|json",
        }.AcceptOnlyFromAmong(Text, OutputFormat.Json);
        return new Command("chaos", Description)
        {
            seed, rounds, duration, faults, load, clients, rate, keys, calm, nodes, data, history, judge, output,
        }.Does(parsed =>
        {
            var isJson = (parsed.GetValue(output) ?? (terminal.IsOutputTerminal ? Text : OutputFormat.Json))
                == OutputFormat.Json;
            var told = new ChaosOutput(terminal.Out, isJson);
            if (parsed.GetValue(judge) is { } file)
                return Task.FromResult(Judge(file, told));
            return RunAsync(terminal, told, new ChaosOptions
            {
                Seed = parsed.GetValue(seed) ?? RandomNumberGenerator.GetInt32(int.MaxValue),
                Faults = FaultCatalogue.Parse(parsed.GetRequiredValue(faults)).Kinds!.Value,
                Loads = LoadCatalogue.Parse(parsed.GetRequiredValue(load)).Kinds!.Value,
                Rounds = parsed.GetValue(rounds),
                Duration = parsed.GetValue(duration)
                    ?? (parsed.GetValue(rounds) is null ? ChaosOptions.DefaultDuration : null),
                Clients = parsed.GetValue(clients) ?? 8,
                Rate = parsed.GetValue(rate) ?? 200,
                Nodes = parsed.GetValue(nodes) ?? ClusterTopology.DefaultNodes,
                Keys = parsed.GetValue(keys) ?? 6,
                Calm = parsed.GetValue(calm),
                Data = parsed.GetValue(data),
                History = parsed.GetValue(history),
            });
        });
    }

    private static Option<TimeSpan?> Time(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "TIME",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            return ParseTime(text)
                ?? Wrong<TimeSpan?>(result, $"{name} must be a time such as 90s, 10m or 2h, not '{text}'.");
        },
    };

    private static Option<string> FaultKinds()
    {
        var faults = new Option<string>("--faults")
        {
            Description = "Kinds of faults, separated by commas: those below, or all, partition, link, disk, none.\n"
                + FaultCatalogue.Table,
            HelpName = "KIND,...",
            DefaultValueFactory = _ => "all",
        };
        faults.Validators.Add(result =>
        {
            if (FaultCatalogue.Parse(result.GetValueOrDefault<string>() ?? "").Unknown is { } unknown)
                result.AddError($"--faults takes {FaultCatalogue.Words}, not '{unknown}'.");
        });
        return faults;
    }

    private static Option<string> LoadKinds()
    {
        var load = new Option<string>("--load")
        {
            Description = "Kinds of work, separated by commas: those below, or all. A watch is always open on it.\n"
                + LoadCatalogue.Table,
            HelpName = "KIND,...",
            DefaultValueFactory = _ => "all",
        };
        load.Validators.Add(result =>
        {
            if (LoadCatalogue.Parse(result.GetValueOrDefault<string>() ?? "").Unknown is { } unknown)
                result.AddError($"--load takes {LoadCatalogue.Words}, not '{unknown}'.");
        });
        return load;
    }

    /// <summary>Judges a history that was written before.</summary>
    internal static int Judge(string file, ChaosOutput output)
    {
        var record = new RunRecord();
        try
        {
            using var reader = File.OpenText(file);
            record.Judge(HistoryFormat.Read(reader));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new FailureException($"{file} cannot be judged: {failure.Message}", ExitCodes.Usage, failure);
        }

        return Conclude(record, output, new ChaosEvent { Event = "verdict", History = file });
    }

    /// <summary>The one line that sums everything up, and before it what was wrong.</summary>
    private static int Conclude(RunRecord record, ChaosOutput output, ChaosEvent verdict)
    {
        foreach (var violation in record.Violations)
            output.Report(new ChaosEvent { Event = "violation", Detail = violation });
        output.Report(verdict with
        {
            Operations = record.Counts,
            Keys = record.Keys.Count,
            Load = record.Load,
            Violations = record.Violations.Count,
        });
        return record.Violations.Count == 0 ? ExitCodes.Ok : ExitCodes.Failed;
    }

    private static async Task<int> RunAsync(Terminal terminal, ChaosOutput output, ChaosOptions options)
    {
        using var signals = new StopSignals();
        var host = DotnetHost.Find(terminal.Variable);
        var folder = Prepare(options.Data);
        var topology = FreeTopology.Find(options.Nodes, folder);
        var historyFile = Path.GetFullPath(options.History ?? Path.Combine(folder, "history.jsonl"));
        var flush = FlushGauge.Measure(folder);
        output.Report(new ChaosEvent
        {
            Event = "started",
            Seed = options.Seed,
            Detail = $"{options.Nodes} nodes behind {topology.Balancer.Url}, data in {folder}, "
                + $"a flush takes {flush.TotalMilliseconds:F2} ms",
        });
        RunRecord record;
        try
        {
            await using var history = new StreamWriter(historyFile);
            await using var cluster = new ChaosCluster(topology, host, options.Seed) { NormalFlush = flush };
            var run = new ChaosRun(options, cluster, output, history, signals.Requested);
            record = await run.RunAsync().ConfigureAwait(false);
        }
        catch (FailureException failure)
        {
            throw new FailureException($"{failure.Message} Data and logs are in {folder}.", failure.ExitCode, failure);
        }

        var isGood = record.Violations.Count == 0;
        var isKept = !isGood || options.Data is not null;
        var code = Conclude(record, output, new ChaosEvent
        {
            Event = "verdict",
            Seed = options.Seed,
            Rounds = record.Rounds,
            Faults = record.Faults,
            Kept = isKept ? folder : null,
            History = isKept || options.History is not null ? historyFile : null,
            Replay = options.Replay,
        });
        if (!isKept)
            Directory.Delete(folder, recursive: true);
        return code;
    }

    private static string Prepare(string? data)
    {
        if (data is null)
            return Directory.CreateTempSubdirectory("kv-chaos-").FullName;
        var path = Path.GetFullPath(data);
        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())
            throw new FailureException($"{path} is not empty; each run needs a directory of its own.", ExitCodes.Usage);
        return Directory.CreateDirectory(path).FullName;
    }

    private static TimeSpan? ParseTime(string text)
    {
        var digits = text.AsSpan(0, Math.Max(0, text.Length - 1));
        if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0)
            return null;
        return text[^1] switch
        {
            's' => TimeSpan.FromSeconds(number),
            'm' => TimeSpan.FromMinutes(number),
            'h' => TimeSpan.FromHours(number),
            _ => null,
        };
    }

    private static Option<int?> Number(string name, int least, int most, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            var isNumber = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
            return isNumber && number >= least && number <= most
                ? number
                : Wrong<int?>(result, $"{name} must be a whole number from {least} to {most}, not '{text}'.");
        },
    };

    private static T? Wrong<T>(System.CommandLine.Parsing.ArgumentResult result, string why)
    {
        result.AddError(why);
        return default;
    }
}
