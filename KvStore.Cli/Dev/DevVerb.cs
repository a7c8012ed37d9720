using System.CommandLine;
using System.Globalization;
using KvStore.Topology;

namespace KvStore.Cli.Dev;

/// <summary><c>kv dev</c>: a whole cluster on this machine, for as long as the command runs.</summary>
internal static class DevVerb
{
    private const string Description =
        "Start a cluster on this machine, until Ctrl-C: nodes and a balancer. The data is there at the next start.";

    public static Command Build(Terminal terminal)
    {
        var nodes = Number("--nodes", ClusterTopology.DefaultNodes, $"Nodes, 1 to {ClusterTopology.MaxNodes}.");
        var port = Number("--port", ClusterTopology.DefaultPort, "The balancer's port: where clients ask.");
        var nodePort = Number(
            "--node-port",
            ClusterTopology.DefaultNodePort,
            $"The first node's port; the others have the next. Links are {ClusterTopology.PeerPortOffset} above.");
        var data = new Option<string>("--data")
        {
            Description = "Where the nodes keep their data.",
            HelpName = "DIR",
            DefaultValueFactory = _ => Path.Combine(".", ClusterTopology.DefaultDataDirectory),
        };
        var fresh = new Option<bool>("--fresh") { Description = "Remove the data of earlier runs first." };
        var output = new Option<string?>("--output", "-o")
        {
            Description = "table (default on a terminal): a live table; json (always elsewhere): one event per line.",
            HelpName = "table|json",
        }.AcceptOnlyFromAmong(OutputFormat.Table, OutputFormat.Json);
        var restart = new Option<bool>("--restart")
        {
            Description = "Start a program again that ended, or was killed by somebody else, a second later.",
        };
        var otlp = new Option<string?>("--otlp")
        {
            Description = "Where traces, metrics and logs go: a collector or dashboard that takes OTLP; default: what "
                + $"{OtlpTarget.EndpointVariable} says, if it does.",
            HelpName = "URL",
        };
        var protocol = new Option<string?>("--otlp-protocol")
        {
            Description = "How: grpc (default), or http/protobuf (default for port 4318).",
            HelpName = "grpc|http/protobuf",
        }.AcceptOnlyFromAmong(OtlpTarget.Grpc, OtlpTarget.Http);
        return new Command("dev", Description) { nodes, port, nodePort, data, fresh, restart, otlp, protocol, output }
            .Does(async parsed =>
            {
                var plan = Plan(
                    parsed.GetValue(nodes),
                    parsed.GetValue(port),
                    parsed.GetValue(nodePort),
                    parsed.GetRequiredValue(data));
                var target = OtlpTarget.Find(parsed.GetValue(otlp), parsed.GetValue(protocol), terminal.Variable);
                var isTable = terminal.IsOutputTerminal && parsed.GetValue(output) is not OutputFormat.Json;
                using var signals = new StopSignals();
                var host = DotnetHost.Find(terminal.Variable);
                Ports.RefuseThoseInUse(plan);
                using var folder = DataFolder.Open(plan, parsed.GetValue(fresh));
                IDevOutput told = isTable ? new LiveTable(terminal, TimeProvider.System) : new JsonLines(terminal.Out);
                await using var cluster = new DevCluster(plan, host, told, TimeProvider.System, target)
                {
                    Restarts = parsed.GetValue(restart),
                };
                return await cluster.RunAsync(signals).ConfigureAwait(false);
            });
    }

    private static ClusterTopology Plan(int nodes, int port, int nodePort, string data)
    {
        try
        {
            return ClusterTopology.Create(nodes, port, nodePort, data);
        }
        catch (Exception failure) when (failure is TopologyException or ArgumentException)
        {
            throw new FailureException(failure.Message, ExitCodes.Usage, failure);
        }
    }

    private static Option<int> Number(string name, int normal, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => normal,
        CustomParser = result =>
        {
            if (int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                return number;
            result.AddError($"{name} must be a whole number, not '{result.Tokens[0].Value}'.");
            return normal;
        },
    };
}
