using KvStore.Tests.ServiceDefaults;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace KvStore.Tests.Node.Api;

public sealed class FailedRequestTests
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";

    /// <summary>Also one that nobody gave a name.</summary>
    [Theory]
    [InlineData("PUT", "traceparent: 00-" + Trace + "-00f067aa0ba902b7-00", Trace)]
    [InlineData("PUT", "traceparent: 00-zz-01", "[0-9a-f]{32}")]
    [InlineData("GET", "traceparent: 00-zz-01", "[0-9a-f]{32}")]
    public async Task A_request_that_a_node_fails_at_is_called_the_same_in_the_log_and_the_answer(
        string method, string header, string id)
    {
        using var log = new CollectedLog();
        await using var node = await ApiNode.StartAsync(replace: services => services
            .AddSingleton<ILoggerProvider>(log)
            .AddLogging(logging => logging.AddFilter("Microsoft", LogLevel.None)));    // else the host makes a trace
        node.Partitions.OnWrite = (_, _) => throw new InvalidOperationException("a bug");
        node.Partitions.OnRead = _ => throw new InvalidOperationException("a bug");

        var answer = method == "PUT"
            ? await node.SendBodyAsync(method, "/v1/k", "v", header)
            : await node.SendAsync(method, "/v1/k", header);

        Assert.Equal(500, answer.Status);
        Assert.Matches($"^{id}$", answer["Kv-Request-Id"]);
        Assert.Equal(answer["Kv-Request-Id"], answer.Problem.TraceId);
        Assert.StartsWith($"Request {answer["Kv-Request-Id"]}", Assert.Single(log.Lines));
    }
}
