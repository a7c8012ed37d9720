using KvStore.ServiceDefaults;
using Microsoft.Extensions.Configuration;

namespace KvStore.Tests.ServiceDefaults;

public sealed class ListenAddressesTests
{
    [Fact]
    public void The_port_wins_then_urls_then_ports_of_containers_then_the_default()
    {
        (string, string)[] all =
            [("PORT", "8001"), ("urls", "http://127.0.0.1:7;http://[::1]:8"), ("http_ports", "8080"), Anonymous];
        Assert.Equal(["http://localhost:8001"], Read(all));
        Assert.Equal(["http://127.0.0.1:7", "http://[::1]:8"], Read(all[1..]));
        Assert.Equal(["http://*:8080"], Read(all[2..]));
        Assert.Equal(["http://localhost:8000"], Read(all[3..]));
    }

    [Theory]
    [InlineData("http://0.0.0.0:80")]
    [InlineData("http://*:80")]
    [InlineData("http://+:80")]
    [InlineData("http://[::]:80")]
    [InlineData("http://192.168.1.7:80")]
    [InlineData("http://shop.example:80")]
    [InlineData("http://localhost:80;http://*:80")]
    public void Addresses_that_others_can_reach_are_refused_unless_allowed(string urls)
    {
        var refusal = Assert.Throws<StartupException>(() => Read(("urls", urls)));
        Assert.Contains("KvStore__AllowAnonymous=true", refusal.Message);
        Assert.NotEmpty(Read(("urls", urls), Anonymous));
    }

    [Theory]
    [InlineData("PORT", "0")]
    [InlineData("PORT", "-1")]
    [InlineData("PORT", "65536")]
    [InlineData("PORT", "http")]
    [InlineData("urls", "localhost")]
    [InlineData("urls", "ftp://localhost:1")]
    [InlineData("urls", "http://unix:/tmp/socket")]
    [InlineData("urls", "http://localhost:1/path")]
    [InlineData("KvStore:AllowAnonymous", "yes")]
    [InlineData("Kestrel:Endpoints:Http:Url", "http://*:80")]
    public void Bad_values_are_refused(string key, string value)
    {
        var refusal = Assert.Throws<StartupException>(() => Read((key, value)));
        Assert.DoesNotContain('\n', refusal.Message);
    }

    private static (string, string) Anonymous => ("KvStore:AllowAnonymous", "true");

    private static IEnumerable<string> Read(params (string Key, string Value)[] settings) => ListenAddresses.Read(
        new ConfigurationBuilder().AddInMemoryCollection(
            settings.Select(setting => KeyValuePair.Create<string, string?>(setting.Key, setting.Value))).Build(),
        "PORT",
        8000).Addresses.Select(address => address.ToString());
}
