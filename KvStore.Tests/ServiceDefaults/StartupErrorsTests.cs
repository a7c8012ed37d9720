using System.Net;
using System.Net.Sockets;
using KvStore.Balancer;
using KvStore.ServiceDefaults;

namespace KvStore.Tests.ServiceDefaults;

public sealed class StartupErrorsTests
{
    [Fact]
    public async Task A_port_in_use_is_one_line_and_exit_code_1()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        var (code, errors, log) = await RunAsync(("LB_PORT", $"{port}"), ("DATABASE_NODES", "http://localhost:1"));
        Assert.Equal(1, code);
        Assert.Matches($"^[^\n]*{port}[^\n]*address already in use[^\n]*\n$", errors);
        Assert.Empty(log);
    }

    [Theory]
    [InlineData("LB_PORT", "nine", "LB_PORT must be a port from 1 to 65535, not 'nine'.")]
    [InlineData("DATABASE_NODES", "nonsense", "DATABASE_NODES must list URLs")]
    [InlineData("KvStore:Balancer:MaxValueBytes", "0", "MaxValueBytes")]
    [InlineData("KvStore:Balancer:MaxValueBytes", "many", "KvStore:Balancer:MaxValueBytes")]
    [InlineData("KVSTORE_MAX_VALUE_BYTES", "16777217", "KVSTORE_MAX_VALUE_BYTES must be a number from 1 to 16777216")]
    [InlineData("KVSTORE_STOP_WITH_STDIN", "maybe", "KVSTORE_STOP_WITH_STDIN must be true or false")]
    public async Task A_bad_setting_is_one_line_and_exit_code_1(string key, string value, string part)
    {
        var (code, errors, log) = await RunAsync(
            ("urls", "http://127.0.0.1:0"), ("DATABASE_NODES", "http://localhost:1"), (key, value));
        Assert.Equal(1, code);
        Assert.Contains(part, errors);
        Assert.Matches("^[^\n]+\n$", errors);
        Assert.Empty(log);
    }

    [Fact]
    public async Task Asked_to_stop_before_it_has_started_it_ends_in_order()
    {
        using var errors = new StringWriter();
        var code = await StartupErrors.RunOrExplainAsync(
            () =>
            {
                var app = BalancerApp.Build([], builder =>
                {
                    new CollectedLog().Replace(builder);
                    builder.Configuration["urls"] = "http://127.0.0.1:0";
                    builder.Configuration["DATABASE_NODES"] = "http://localhost:1";
                });
                app.Lifetime.StopApplication();
                return app;
            },
            errors).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal((0, ""), (code, errors.ToString()));
    }

    [Fact]
    public async Task A_defect_is_not_explained_away() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() => StartupErrors.RunOrExplainAsync(
            () => throw new InvalidOperationException("a defect"), TextWriter.Null));

    private static async Task<(int Code, string Errors, string[] Log)> RunAsync(
        params (string Key, string Value)[] settings)
    {
        var log = new CollectedLog();
        using var errors = new StringWriter { NewLine = "\n" };
        var code = await StartupErrors.RunOrExplainAsync(
            () => BalancerApp.Build([], builder =>
            {
                log.Replace(builder);
                foreach (var (key, value) in settings)
                    builder.Configuration[key] = value;
            }),
            errors).WaitAsync(TimeSpan.FromSeconds(30));
        return (code, errors.ToString(), log.Lines);
    }
}
