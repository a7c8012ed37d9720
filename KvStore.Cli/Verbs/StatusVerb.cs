using System.CommandLine;
using System.Text.Json;
using KvStore.Cli.Server;
using KvStore.Contracts;

namespace KvStore.Cli.Verbs;

/// <summary><c>kv status</c>.</summary>
internal static class StatusVerb
{
    public static Command Build(Terminal terminal)
    {
        var output = OutputFormat.Option(
            "How to print: table (default on a terminal), json (default elsewhere), raw: the state alone.");
        var server = ServerOption.Build(terminal);
        return new Command("status", "Print how a cluster or a node is; exit code 5 when it cannot serve.")
        {
            output, server,
        }.Does(terminal, async parsed =>
        {
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            var format = OutputFormat.For(terminal, parsed.GetValue(output));
            if (await HealthAsync(connection).ConfigureAwait(false) is { } health)
                return Print(terminal, format, health);
            return Print(terminal, format, await NodeAsync(connection).ConfigureAwait(false));
        });
    }

    /// <summary>What a balancer says; null when it is none.</summary>
    private static async Task<ClusterHealth?> HealthAsync(KvServer server)
    {
        using var answer = await server.SendAsync(server.For(HttpMethod.Get, Routes.Health)).ConfigureAwait(false);
        if (answer.Content.Headers.ContentType?.MediaType != "application/json")
            return null;
        try
        {
            var body = await answer.Content.ReadAsByteArrayAsync().ConfigureAwait(false);
            return JsonSerializer.Deserialize(body, ContractsJson.Default.ClusterHealth);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static async Task<NodeStatus> NodeAsync(KvServer server)
    {
        using var answer = await server.AskAsync(server.For(HttpMethod.Get, Routes.Status)).ConfigureAwait(false);
        try
        {
            var body = await answer.Content.ReadAsByteArrayAsync().ConfigureAwait(false);
            return JsonSerializer.Deserialize(body, ContractsJson.Default.NodeStatus)!;
        }
        catch (JsonException failure)
        {
            throw new FailureException($"{server.Url} answers, but not as a KvStore does.", inner: failure);
        }
    }

    private static int Print(Terminal terminal, string format, ClusterHealth health)
    {
        if (format == OutputFormat.Json)
            terminal.Out.WriteLine(JsonSerializer.Serialize(health, ContractsJson.Default.ClusterHealth));
        else if (format == OutputFormat.Raw)
            terminal.Out.WriteLine(health.Status);
        else
            Tables.Print(terminal, health);
        return health.Status == ClusterHealth.Unavailable ? ExitCodes.Unavailable : ExitCodes.Ok;
    }

    private static int Print(Terminal terminal, string format, NodeStatus node)
    {
        if (format == OutputFormat.Json)
            terminal.Out.WriteLine(JsonSerializer.Serialize(node, ContractsJson.Default.NodeStatus));
        else if (format == OutputFormat.Raw)
            terminal.Out.WriteLine(node.State);
        else
            Tables.Print(terminal, node);
        return node.State == "serving" ? ExitCodes.Ok : ExitCodes.Unavailable;
    }
}
