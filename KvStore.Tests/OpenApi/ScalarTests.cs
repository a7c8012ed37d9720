using System.Net;
using System.Text.RegularExpressions;
using KvStore.Contracts;
using KvStore.Tests.Node.Api;

namespace KvStore.Tests.OpenApi;

/// <summary>The page for people works where there is no other network than the cluster's.</summary>
public sealed partial class ScalarTests
{
    [Fact]
    public async Task The_page_comes_whole_from_here_and_is_held_to_it()
    {
        await using var node = await ApiNode.StartAsync();
        await using var cluster = await Balancer.FakeCluster.StartAsync(nodes: 1);
        using var http = new HttpClient { BaseAddress = node.Address };
        foreach (var client in (HttpClient[])[http, cluster.Http])
        {
            using var page = await client.GetAsync(Routes.Scalar);
            var html = await page.Content.ReadAsStringAsync();

            Assert.Equal(HttpStatusCode.OK, page.StatusCode);
            Assert.Equal("text/html", page.Content.Headers.ContentType!.MediaType);
            Assert.DoesNotMatch(Elsewhere(), html);
            Assert.Contains("\"url\":\"openapi/v1.json\"", html);
            Assert.Contains("\"telemetry\":false", html);
            Assert.Contains("\"withDefaultFonts\":false", html);
            Assert.DoesNotContain("proxyUrl", html);
            var policy = page.Headers.GetValues("Content-Security-Policy").Single();
            var nonce = Nonce().Match(policy).Groups["nonce"].Value;
            Assert.NotEqual("", nonce);
            Assert.Contains("default-src 'none'", policy);
            Assert.Contains("connect-src 'self'", policy);
            Assert.DoesNotContain("//", policy);
            Assert.All(Script().Matches(html), script => Assert.Contains($"nonce=\"{nonce}\"", script.Value));

            foreach (Match source in Source().Matches(html))
            {
                using var asset = await client.GetAsync($"{Routes.Scalar}/{source.Groups["file"].Value}");
                Assert.Equal(HttpStatusCode.OK, asset.StatusCode);
                Assert.True((await asset.Content.ReadAsByteArrayAsync()).Length > 100);
            }
        }
    }

    [Fact]
    public async Task No_two_answers_allow_the_same_script()
    {
        await using var node = await ApiNode.StartAsync();
        using var http = new HttpClient { BaseAddress = node.Address };
        using var first = await http.GetAsync(Routes.Scalar);
        using var second = await http.GetAsync(Routes.Scalar);

        Assert.NotEqual(
            first.Headers.GetValues("Content-Security-Policy").Single(),
            second.Headers.GetValues("Content-Security-Policy").Single());
    }

    [GeneratedRegex("https?://|[\"'(]//")]
    private static partial Regex Elsewhere();

    [GeneratedRegex("'nonce-(?<nonce>[^']+)'")]
    private static partial Regex Nonce();

    [GeneratedRegex("<script[^>]*>")]
    private static partial Regex Script();

    [GeneratedRegex("<script[^>]* src=\"(?<file>[^\"]+)\"")]
    private static partial Regex Source();
}
