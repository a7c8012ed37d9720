namespace KvStore.Tests.Node.Api;

public sealed class StatusApiTests : IAsyncLifetime
{
    private ApiNode _node = null!;

    public async ValueTask InitializeAsync() => _node = await ApiNode.StartAsync();

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Theory]
    [InlineData("*/*")]
    [InlineData("text/html")]
    public async Task The_root_tells_of_the_node_as_JSON(string accept)
    {
        var answer = await _node.SendAsync("GET", "/", "Accept: " + accept);

        Assert.Equal((200, "application/json"), (answer.Status, answer["Content-Type"]));
        Assert.Equal("node1", answer.Json.GetProperty("name").GetString());
        Assert.Equal(16, answer.Json.GetProperty("replicas").GetProperty("primary").GetInt32());
    }

    [Fact]
    public async Task The_cluster_is_told_once_there_is_one()
    {
        var cluster = await _node.SendAsync("GET", "/admin/cluster");
        Assert.Equal("0000000000c0ffee", cluster.Json.GetProperty("clusterId").GetString());
        _node.Status.IsForming = true;

        var forming = await _node.SendAsync("GET", "/admin/cluster");
        Assert.Equal((503, "not-ready"), (forming.Status, forming.Problem.Code));
        Assert.InRange(forming.RetryAfterSeconds, 1, 3);
    }

    [Fact]
    public async Task Ready_and_healthy_are_two_things()
    {
        _node.Status.IsServing = false;

        Assert.Equal((200, "ready"), await AskAsync("/ready"));
        Assert.Equal(503, (await AskAsync("/health")).Status);
        _node.Status.IsServing = true;
        Assert.Equal((200, "healthy"), await AskAsync("/health"));
    }

    [Fact]
    public async Task A_stopping_node_is_neither()
    {
        _node.Status.IsStopping = true;

        foreach (var path in new[] { "/ready", "/health" })
        {
            var answer = await _node.SendAsync("GET", path);
            Assert.Equal((503, "draining"), (answer.Status, answer.Problem.Code));
        }
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/admin/cluster")]
    [InlineData("/ready")]
    [InlineData("/health")]
    public async Task They_can_only_be_read(string path)
    {
        var head = await _node.SendAsync("HEAD", path);
        Assert.Equal((200, ""), (head.Status, head.Body));
        var post = await _node.SendAsync("POST", path, "Content-Length: 0");
        Assert.Equal((405, "method-not-allowed", "GET, HEAD"), (post.Status, post.Problem.Code, post["Allow"]));
    }

    private async Task<(int Status, string Body)> AskAsync(string path)
    {
        var answer = await _node.SendAsync("GET", path);
        return (answer.Status, answer.Body);
    }
}
