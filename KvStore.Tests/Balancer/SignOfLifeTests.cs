using Microsoft.AspNetCore.Http;

namespace KvStore.Tests.Balancer;

public sealed class SignOfLifeTests
{
    /// <summary>What stands before a node may answer in its place, also while it is down.</summary>
    [Theory]
    [InlineData("GET", true, 200, true)]
    [InlineData("PUT", true, 200, true)]
    [InlineData("GET", true, 503, true)]
    [InlineData("GET", true, 504, false)]
    [InlineData("GET", false, 200, false)]
    public async Task An_answer_counts_as_a_sign_of_life_where_a_node_gave_it_in_time(
        string method, bool isNodes, int status, bool isSign)
    {
        await using var cluster = await FakeCluster.StartAsync();
        var node = cluster.PrimaryOf("k");
        node.Answer = context =>
        {
            context.Response.StatusCode = status;
            return isNodes ? node.AnswerAsPrimaryAsync(context) : context.Response.WriteAsync("somebody");
        };
        var before = TimeProvider.System.GetTimestamp();
        using var request = new HttpRequestMessage(new(method), "/v1/k");
        using var answer = await cluster.Http.SendAsync(request, TestContext.Current.CancellationToken);
        var known = cluster.Views.Value.Nodes.Single(known => known.Url == node.Url);
        Assert.Equal(isSign, known.Destination.AnsweredRequestAt >= before);
    }
}
