using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Http.Json;
using KvStore.Contracts;
using Microsoft.AspNetCore.Http;

namespace KvStore.Tests.Balancer;

public sealed class AdmissionTests
{
    [Fact]
    public async Task What_is_too_much_is_refused_at_once_and_what_came_before_is_answered()
    {
        await using var cluster = await FakeCluster.StartAsync(
            settings: ("KvStore:Balancer:MaxRequestsInFlight", "2"));
        TaskCompletionSource goesOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using SemaphoreSlim arrived = new(0);
        cluster.Nodes.ForEach(node => node.Answer = async context =>
        {
            arrived.Release();
            await goesOn.Task;
            await context.Response.WriteAsync("late");
        });
        var first = cluster.Http.GetStringAsync("/v1/a");
        var second = cluster.Http.PutAsync("/v1/b", new StringContent("b"));
        await arrived.WaitAsync();
        await arrived.WaitAsync();

        using (var refused = await cluster.Http.PutAsync("/v1/c", new StringContent("c")))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3));
            var problem = (await refused.Content.ReadFromJsonAsync(ContractsJson.Default.Problem))!;
            Assert.Equal(ProblemType.Overloaded.Code, problem.Code);
            Assert.Equal((Applied.No, true), (problem.Applied, problem.Retryable));
            Assert.Equal(problem.TraceId, refused.Headers.GetValues(KvHeaders.RequestId).Single());
        }

        var watch = cluster.Http.GetStringAsync("/buckets/default/watch");    // the nodes bound how many of these
        await arrived.WaitAsync();
        goesOn.SetResult();
        Assert.Equal("late", await first);
        using var stored = await second;
        Assert.Equal(HttpStatusCode.OK, stored.StatusCode);
        Assert.Equal("late", await watch);
        Assert.Equal(3, cluster.Nodes.Sum(node => node.Requests.Count));
        Assert.Equal("late", await cluster.Http.GetStringAsync("/v1/c"));
    }

    [Fact]
    public async Task Whoever_collects_is_told_what_is_on_its_way()
    {
        await using var cluster = await FakeCluster.StartAsync();
        List<string> seen = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == "KvStore.Balancer")
                self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => seen.Add($"{instrument.Name}={value}"));
        cluster.Nodes.ForEach(node => node.Answer = context =>
        {
            lock (seen)
                listener.RecordObservableInstruments();
            return Task.CompletedTask;
        });
        listener.Start();
        using var answer = await cluster.Http.PutAsync("/v1/a", new StringContent("abc"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains("kvstore.balancer.requests=1", seen);
        Assert.Contains("kvstore.balancer.held=3", seen);
    }
}
