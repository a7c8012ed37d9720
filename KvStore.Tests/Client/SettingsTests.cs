using KvStore.Client;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace KvStore.Tests.Client;

/// <summary>Where a client's settings come from, and what is wrong with them.</summary>
public sealed class SettingsTests
{
    [Theory]
    [InlineData("http://localhost:9000", false, "http://localhost:9000/")]
    [InlineData("https+http://balancer", false, "https+http://balancer/")]
    [InlineData("Endpoint=http://a:1", false, "http://a:1/")]
    [InlineData("endpoints = http://a:1 , http://b:2 ;", true, "http://a:1/ http://b:2/")]
    public void A_connection_string_is_an_address_or_names_them(string text, bool areNodes, string servers)
    {
        var read = KvConnectionString.Read(text);
        Assert.Equal((areNodes, servers), (read.AreNodes, string.Join(' ', read.Servers)));
    }

    [Theory]
    [InlineData("localhost:9000")]
    [InlineData("ftp://a")]
    [InlineData("http://a/path")]
    [InlineData("http://me:secret@a")]
    [InlineData("Endpoint=")]
    [InlineData("Endpoint=http://a;ApiKey=x")]
    [InlineData("Endpoint=http://a;Endpoint=http://b")]
    [InlineData("Password=x")]
    [InlineData(";=;")]
    public void Anything_else_is_refused_with_what_is_expected(string text)
    {
        var refused = Assert.Throws<ArgumentException>(() => new KvStoreClient(text));
        Assert.Contains("it must be an address", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_comes_later_wins_section_name_connection_string_delegate()
    {
        var client = Build(
            builder => builder.AddKvStoreClient("kv", settings => settings.Bucket = "four"),
            ("KvStore:Client:Bucket", "one"),
            ("KvStore:Client:ConnectionString", "http://one"),
            ("KvStore:Client:kv:Bucket", "two"),
            ("ConnectionStrings:kv", "http://three")).GetRequiredService<KvStoreClient>();
        Assert.Equal("four", client.Name);
    }

    [Fact]
    public void Several_clients_stand_under_their_names()
    {
        var services = Build(
            builder =>
            {
                builder.AddKeyedKvStoreClient("a", settings => settings.Bucket = "of-a");
                builder.AddKeyedKvStoreClient("b");
            },
            ("ConnectionStrings:a", "http://a"),
            ("ConnectionStrings:b", "http://b"));
        Assert.Equal("of-a", services.GetRequiredKeyedService<KvStoreClient>("a").Name);
        Assert.Equal("default", services.GetRequiredKeyedService<KvStoreClient>("b").Name);
        Assert.Equal(["KvStore_a", "KvStore_b"], ChecksOf(services));
    }

    [Fact]
    public void A_missing_address_is_told_by_the_names_of_the_settings()
    {
        var services = Build(builder => builder.AddKvStoreClient("kv"));
        var missing = Assert.Throws<InvalidOperationException>(services.GetRequiredService<KvStoreClient>);
        Assert.Contains("ConnectionStrings:kv", missing.Message, StringComparison.Ordinal);
        Assert.Contains("KvStore:Client:kv", missing.Message, StringComparison.Ordinal);
        Assert.Equal(["KvStore"], ChecksOf(services));
    }

    [Fact]
    public void No_health_check_is_there_where_none_is_wanted() => Assert.Empty(ChecksOf(Build(
        builder => builder.AddKvStoreClient("kv", settings => settings.DisableHealthChecks = true))));

    [Fact]
    public async Task A_store_that_is_not_there_is_unhealthy_and_a_call_says_that_nothing_was_done()
    {
        var port = Cluster.FreePorts.Take(1)[0];
        var services = Build(
            builder => builder.AddKvStoreClient("kv", settings => settings.Timeout = TimeSpan.FromMilliseconds(300)),
            ("ConnectionStrings:kv", $"http://127.0.0.1:{port}"));
        var report = await services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.Equal(HealthStatus.Unhealthy, report.Status);

        var client = services.GetRequiredService<KvStoreClient>();
        var failure = await Assert.ThrowsAsync<KvStoreException>(() => client.PutAsync("k", "v"));
        Assert.Equal((null, KvStore.Contracts.Applied.No), (failure.Code, failure.Applied));
        Assert.StartsWith("The store cannot be reached", failure.Message);
    }

    private static IEnumerable<string> ChecksOf(IServiceProvider services) =>
        services.GetRequiredService<IOptions<HealthCheckServiceOptions>>().Value.Registrations
            .Select(check => check.Name);

    private static IServiceProvider Build(
        Action<HostApplicationBuilder> add, params (string Key, string Value)[] settings)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(
            settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)));
        add(builder);
        return builder.Build().Services;
    }
}
