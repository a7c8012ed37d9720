using KvStore.Tests.Cluster;

namespace KvStore.Tests.Cli;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("nonsense")]
    [InlineData("get")]
    [InlineData("get", "key", "--consistency", "stong")]
    [InlineData("get", "key", "-o", "yaml")]
    [InlineData("get", "key", "--server", "localhost")]
    [InlineData("get", "key", "--server", "http://localhost:9000/path")]
    [InlineData("get", "key", "--server", "ftp://localhost")]
    [InlineData("put", "key", "value", "more")]
    [InlineData("put", "key", "value", "--ack", "two")]
    [InlineData("put", "key", "value", "--content-type", "no type")]
    [InlineData("dev", "--nodes", "three")]
    [InlineData("dev", "--nodes", "-1")]
    [InlineData("dev", "--nodes", "10")]
    [InlineData("dev", "--port", "8001")]
    [InlineData("dev", "--node-port", "60000")]
    [InlineData("dev", "--output", "raw")]
    [InlineData("dev", "--data", "")]
    [InlineData("dev", "--otlp", "here")]
    [InlineData("dev", "--otlp", "localhost:4317")]
    [InlineData("dev", "--otlp", "http://localhost:4317/?token=1")]
    [InlineData("dev", "--otlp", "http://localhost:4317", "--otlp-protocol", "udp")]
    [InlineData("dev", "--otlp-protocol", "grpc")]
    [InlineData("completion", "csh")]
    public async Task A_wrong_command_line_is_explained_and_has_exit_code_2(params string[] args)
    {
        var terminal = new MemoryTerminal();

        Assert.Equal(2, await terminal.RunAsync(args));
        Assert.StartsWith("kv: ", terminal.Errors);
        Assert.DoesNotContain("   at ", terminal.Errors);
        Assert.DoesNotContain("System.", terminal.Errors);
        Assert.Empty(terminal.Output);
    }

    [Fact]
    public async Task A_server_that_the_environment_names_wrongly_is_a_wrong_command_line_too()
    {
        var terminal = new MemoryTerminal { Variables = { ["KVSTORE_SERVER"] = "here" } };

        Assert.Equal(2, await terminal.RunAsync("get", "key"));
        Assert.Contains("KVSTORE_SERVER must be a URL such as http://localhost:9000, not 'here'.", terminal.Errors);
    }

    [Theory]
    [InlineData]
    [InlineData("--help")]
    [InlineData("dev", "--help")]
    [InlineData("get", "--help")]
    [InlineData("put", "--help")]
    [InlineData("delete", "--help")]
    [InlineData("status", "--help")]
    [InlineData("nodes", "--help")]
    [InlineData("completion", "--help")]
    public async Task Every_verb_option_and_argument_is_described(params string[] args)
    {
        var terminal = new MemoryTerminal();

        Assert.Equal(args.Length == 0 ? 2 : 0, await terminal.RunAsync(args));
        var rows = terminal.Output.Split('\n').Where(line => line.StartsWith("  ", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(rows);
        Assert.All(
            rows.Where(row => row.TrimStart() is ['-', ..] or ['<', ..]),
            row => Assert.Matches(@"^  \S.*  +\S", row));
    }

    [Fact]
    public async Task Nobody_at_the_other_end_is_one_line_and_exit_code_5()
    {
        var port = FreePorts.Take(1)[0];
        var terminal = new MemoryTerminal { Variables = { ["KVSTORE_SERVER"] = $"http://localhost:{port}" } };

        Assert.Equal(5, await terminal.RunAsync("status"));
        Assert.StartsWith($"kv: http://localhost:{port} cannot be reached: ", terminal.Errors);
        Assert.Single(terminal.Errors.TrimEnd().Split('\n'));
    }
}
