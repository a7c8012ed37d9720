using KvStore.Balancer.Membership;
using KvStore.ServiceDefaults;
using Microsoft.Extensions.Configuration;

namespace KvStore.Tests.Balancer;

public sealed class NodeSettingTests
{
    [Fact]
    public void Urls_win_over_services()
    {
        var setting = Read(
            ("DATABASE_NODES", " http://localhost:8001, https://db2/ ,http://localhost:8001"),
            ("services:node9:http:0", "http://localhost:9"));
        Assert.Equal([new Uri("http://localhost:8001"), new Uri("https://db2")], setting.Urls);
        Assert.Empty(setting.Services);
    }

    [Fact]
    public void Services_that_are_named_like_nodes_are_nodes()
    {
        var setting = Read(
            ("services:node2:http:0", "http://localhost:2"),
            ("services:node1:http:0", "http://localhost:1"),
            ("services:shop:http:0", "http://localhost:3"));
        Assert.Equal(["node1", "node2"], setting.Services);
        Assert.Empty(setting.Urls);
    }

    [Theory]
    [InlineData("localhost:8001")]
    [InlineData("http://localhost:8001,")]
    [InlineData("ftp://localhost:8001")]
    [InlineData("file:///etc/passwd")]
    [InlineData("http://user:secret@localhost:8001")]
    [InlineData("http://localhost:8001/v1")]
    [InlineData("http://localhost:8001?a=b")]
    [InlineData("http://localhost:99999")]
    public void What_is_no_address_of_a_node_is_refused(string text)
    {
        var refusal = Assert.Throws<StartupException>(() => Read(("DATABASE_NODES", text)));
        Assert.StartsWith("DATABASE_NODES must list URLs such as http://localhost:8001", refusal.Message);
    }

    [Fact]
    public void No_nodes_at_all_are_refused_and_too_many_are()
    {
        Assert.StartsWith("No nodes are named", Assert.Throws<StartupException>(() => Read()).Message);
        var many = string.Join(',', Enumerable.Range(1, 101).Select(port => $"http://localhost:{port}"));
        Assert.Contains("At most 100", Assert.Throws<StartupException>(() => Read(("DATABASE_NODES", many))).Message);
    }

    private static NodeSetting Read(params (string Key, string Value)[] settings) => NodeSetting.Read(
        new ConfigurationBuilder().AddInMemoryCollection(
            settings.Select(setting => KeyValuePair.Create<string, string?>(setting.Key, setting.Value))).Build());
}
