using System.Diagnostics.Metrics;
using KvStore.Core.State;
using KvStore.Node.Replication;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Node.Api;

/// <summary>What an answer says of where its time went and of its trace, and what is measured of it.</summary>
public sealed class TimingTests
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string Parent = $"traceparent: 00-{Trace}-00f067aa0ba902b7-01";

    private readonly FakeTimeProvider _time = new();
    private readonly FakeCluster _cluster = new();

    [Fact]
    public async Task A_write_that_was_done_says_where_its_time_went()
    {
        await using var node = await ApiNode.StartAsync(_cluster, time: _time);
        node.Partitions.OnWrite = (command, _) => new(Slowly(command, isFlushed: true));
        Assert.Equal(
            "route;dur=1.5, quorum;dur=4, fsync;dur=3",
            (await node.SendBodyAsync("PUT", "/v1/k", "v"))["Server-Timing"]);
        node.Partitions.OnWrite = (command, _) => new(Slowly(command, isFlushed: false));
        Assert.Equal("route;dur=1.5, quorum;dur=4", (await node.SendAsync("DELETE", "/v1/k"))["Server-Timing"]);
    }

    [Fact]
    public async Task A_node_on_the_way_puts_its_own_part_in_front()
    {
        await using var first = await ApiNode.StartAsync(_cluster, member: 1, time: _time);
        await using var primary = await ApiNode.StartAsync(_cluster, member: 2, time: _time);
        _cluster.MovePrimary(2);
        primary.Partitions.OnWrite = (command, _) => new(Slowly(command, isFlushed: true));
        Assert.Equal(
            "route;dur=0;desc=\"node1\", route;dur=1.5, quorum;dur=4, fsync;dur=3",
            (await first.SendBodyAsync("PUT", "/v1/k", "v", Parent))["Server-Timing"]);
    }

    [Fact]
    public async Task An_answer_has_the_id_of_the_trace_that_its_request_came_with_also_over_two_nodes()
    {
        await using var first = await ApiNode.StartAsync(_cluster, member: 1);
        await using var primary = await ApiNode.StartAsync(_cluster, member: 2);
        _cluster.MovePrimary(2);
        Assert.Equal(Trace, (await primary.SendBodyAsync("PUT", "/v1/k", "v", Parent))["Kv-Request-Id"]);
        Assert.Equal(Trace, (await first.SendAsync("GET", "/v1/k", Parent))["Kv-Request-Id"]);
        var refused = await primary.SendAsync("GET", "/v1/nothing", Parent);
        Assert.Equal((Trace, Trace), (refused["Kv-Request-Id"], refused.Problem.TraceId));
        Assert.NotEqual(Trace, (await primary.SendAsync("GET", "/v1/k", "traceparent: 00-zz-01"))["Kv-Request-Id"]);
    }

    [Fact]
    public async Task Requests_are_measured_by_few_words_whatever_they_are()
    {
        await using var node = await ApiNode.StartAsync(_cluster);
        List<string> measured = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Name == "kvstore.operation.duration")
                self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((_, _, tags, _) =>
        {
            lock (measured)
                measured.Add(string.Join(' ', tags.ToArray().Select(tag => tag.Value)));
        });
        listener.Start();
        await node.SendBodyAsync("PUT", "/v1/k", "v");
        await node.SendAsync("GET", "/v1/k?consistency=eventual");
        await node.SendAsync("GET", "/v1/timing-of-nothing");
        await node.SendAsync("FROBNICATE", "/v1/k");
        await node.SendAsync("DELETE", "/v1/k", "If-Match: \"x\"");

        string[] expected =
        [
            "put ok", "get ok eventual", "get not-found strong", "other method-not-allowed",
            "delete precondition-failed",
        ];
        lock (measured)
            Assert.Empty(expected.Except(measured));    // other tests' nodes are measured, too
    }

    private WriteOutcome Slowly(Command command, bool isFlushed)
    {
        var appended = After(1.5);
        var flushed = After(3);
        var decided = After(1);
        return new WriteOutcome.Committed(_cluster.Apply(command), 2, Voters: 3)
        {
            Times = new WriteTimes(appended, isFlushed ? flushed : 0, decided),
        };
    }

    private long After(double milliseconds)
    {
        _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        return _time.GetTimestamp();
    }
}
