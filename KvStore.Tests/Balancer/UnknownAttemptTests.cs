using System.Net;
using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Tests.Balancer;

/// <summary>
/// A refusal says what became of one attempt. Of an earlier one, whose connection broke, the client must not be told
/// that nothing was applied.
/// </summary>
public sealed class UnknownAttemptTests
{
    public static TheoryData<string> Refusals =>
        ["idempotency-expired", "idempotency-ahead", "overloaded", "disk-low", "deadline-exceeded"];

    [Theory, MemberData(nameof(Refusals))]
    public async Task A_first_refusal_is_passed_on_as_it_is(string code)
    {
        await using var cluster = await FakeCluster.StartAsync();
        var primary = cluster.PrimaryOf("k");
        var type = ProblemType.All.Single(type => type.Code == code);
        primary.Answer = context => primary.RefuseAsync(context, type);

        using var answer = await cluster.SendAsync(HttpMethod.Put, "/v1/k", new StringContent("v"));
        var problem = await ProblemOf(answer);
        Assert.Equal((type.Status, code, Applied.No, primary.Name),
            ((int)answer.StatusCode, problem.Code, problem.Applied, problem.Node));
        Assert.Single(cluster.Nodes.SelectMany(node => node.Requests));
    }

    [Theory, MemberData(nameof(Refusals))]
    public async Task A_refusal_after_an_attempt_that_may_have_been_applied_leaves_it_unknown(string code)
    {
        await using var cluster = await FakeCluster.StartAsync();
        var broken = 1;
        cluster.Nodes.ForEach(node => node.Answer = context =>
        {
            if (Interlocked.Decrement(ref broken) < 0)
                return node.RefuseAsync(context, ProblemType.All.Single(type => type.Code == code));
            context.Abort();
            return Task.CompletedTask;
        });

        using var answer = await cluster.SendAsync(
            HttpMethod.Put, "/v1/k", new StringContent("v"), (KvHeaders.Timeout, "500ms"));
        var problem = await ProblemOf(answer);
        Assert.Equal((HttpStatusCode.GatewayTimeout, "deadline-exceeded", Applied.Unknown),
            (answer.StatusCode, problem.Code, problem.Applied));
    }

    [Fact]
    public async Task An_answer_that_comes_from_the_log_settles_an_earlier_attempt()
    {
        await using var cluster = await FakeCluster.StartAsync();
        var broken = 1;
        cluster.Nodes.ForEach(node => node.Answer = context =>
        {
            if (Interlocked.Decrement(ref broken) < 0)
                return node.RefuseAsync(context, ProblemType.PreconditionFailed);
            context.Abort();
            return Task.CompletedTask;
        });

        using var answer = await cluster.SendAsync(HttpMethod.Put, "/v1/k", new StringContent("v"));
        Assert.Equal(HttpStatusCode.PreconditionFailed, answer.StatusCode);
    }

    /// <summary>What was written meanwhile would be counted, and removed, too.</summary>
    [Theory, InlineData("/v1"), InlineData("/buckets/cart/keys")]
    public async Task A_removal_of_many_keys_whose_answer_is_lost_is_not_sent_again(string keys)
    {
        await using var cluster = await FakeCluster.StartAsync();
        cluster.Nodes.ForEach(node => node.Answer = context =>
        {
            context.Abort();
            return Task.CompletedTask;
        });

        using var answer = await cluster.SendAsync(HttpMethod.Delete, keys + "?prefix=tmp/&confirm=2", content: null);
        var problem = await ProblemOf(answer);
        Assert.Equal((HttpStatusCode.GatewayTimeout, "deadline-exceeded", Applied.Unknown),
            (answer.StatusCode, problem.Code, problem.Applied));
        Assert.Single(cluster.Nodes.SelectMany(node => node.Requests));
    }

    [Fact]
    public async Task One_that_was_done_in_part_is_not_either()
    {
        await using var cluster = await FakeCluster.StartAsync();
        cluster.Nodes.ForEach(node => node.Answer = context =>
            node.RefuseAsync(context, ProblemType.NoQuorum, Applied.Yes));

        using var answer = await cluster.SendAsync(HttpMethod.Delete, "/v1?prefix=tmp/&confirm=2", content: null);
        Assert.Equal(("no-quorum", Applied.Yes), ((await ProblemOf(answer)).Code, (await ProblemOf(answer)).Applied));
        Assert.Single(cluster.Nodes.SelectMany(node => node.Requests));
    }

    private static async Task<Problem> ProblemOf(HttpResponseMessage answer) => JsonSerializer.Deserialize(
        await answer.Content.ReadAsByteArrayAsync(), ContractsJson.Default.Problem)!;
}
