using System.Net;

namespace KvStore.Tests.Cluster;

public sealed class BucketDropTests
{
    [Fact]
    public async Task A_drop_whose_node_dies_in_the_middle_is_finished_by_the_others()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var primary = cluster.Nodes[0];    // the system group's preferred primary
        var others = cluster.Nodes.Where(node => node != primary).ToList();
        for (var round = 0; round < 3; round++)
        {
            using var created = await others[0].Http.PutAsync("/buckets/doomed", content: null);
            Assert.Equal(HttpStatusCode.Created, created.StatusCode);
            using var written = await others[1].Http.PutAsync("/buckets/doomed/keys/a", new StringContent("old"));
            Assert.Equal(HttpStatusCode.Created, written.StatusCode);

            var dropping = DropAsync(primary);
            await cluster.EventuallyAsync(
                async () => dropping.IsCompleted || await IsGoneAsync(others[0]) is not false, "the drop has begun");
            await primary.KillAsync();
            await dropping;

            await cluster.EventuallyAsync(
                async () => await IsGoneAsync(others[0]) is true || await DropAsync(others[1]) is not null,
                "the bucket is gone");
            foreach (var node in others)
            {
                using var read = await node.Http.GetAsync("/buckets/doomed/keys/a");
                Assert.Equal(HttpStatusCode.NotFound, read.StatusCode);
            }

            primary.Start();
            await cluster.BecomesAsync("healthy");
            using var late = await primary.Http.GetAsync("/buckets/doomed/keys/a");
            Assert.Equal(HttpStatusCode.NotFound, late.StatusCode);
        }
    }

    private static async Task<HttpStatusCode?> DropAsync(TestProcess node)
    {
        try
        {
            using var answer = await node.Http.DeleteAsync("/buckets/doomed");
            return answer.StatusCode is HttpStatusCode.NoContent ? answer.StatusCode : null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>Null: the node cannot say.</summary>
    private static async Task<bool?> IsGoneAsync(TestProcess node)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/buckets/doomed");
        request.Headers.Add("Kv-Timeout", "50ms");
        using var answer = await node.Http.SendAsync(request);
        return answer.StatusCode switch
        {
            HttpStatusCode.NotFound => true,
            HttpStatusCode.OK => false,
            _ => null,
        };
    }
}
