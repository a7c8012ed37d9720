using System.Net;
using System.Text;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Api;
using KvStore.Node.Replication;
using Microsoft.Extensions.DependencyInjection;

namespace KvStore.Tests.Node.Api;

/// <summary>Exports at one of three nodes, and what an import makes of them in another cluster.</summary>
public sealed class ExportApiTests : IAsyncLifetime
{
    private const string Export = "/buckets/default/export";
    private const string Import = "/buckets/default/import";

    private readonly ListCluster _cluster = new();
    private ApiNode _node = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _node = await _cluster.ServeAsync();
        _http = new HttpClient { BaseAddress = _node.Address };
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _node.DisposeAsync();
    }

    /// <summary>Each with its type; what looks like it is not always what it looks like.</summary>
    public static TheoryData<string, string> Values() => new()
    {
        { MediaTypes.Json, """{"a":[1,2.50,null,"x\u0000\n"]}""" },
        { MediaTypes.Json, "7" },
        { MediaTypes.Json, "null" },
        { MediaTypes.Json, "{\r\n \"two\": \"lines\"\n}" },
        { MediaTypes.Json, " {} " },
        { MediaTypes.Json, "\t1" },
        { MediaTypes.Json, """{"a":1,"a":2}""" },
        { MediaTypes.Json, "1e999" },
        { MediaTypes.Json, "\"\\ud800\"" },
        { MediaTypes.Json, "not JSON" },
        { MediaTypes.Json, "" },
        { MediaTypes.Json, "{} {}" },
        { MediaTypes.Json, new string('[', 33) + new string(']', 33) },
        { "application/vnd.x+json; charset=utf-8", "\"text\"" },
        { "application/json; charset=utf-16", "{}" },
        { "text/plain", "with \"quotes\", \\, tab\t, two\r\nlines, é, \u20AC and \U0001F600" },
        { "text/plain", "" },
        { "text/plain", "a bell \a and \x7F" },
        { "text/plain; charset=latin1", "text" },
        { "text/x+json", "no JSON" },
        { "text/x+json", "\"JSON\"" },
        { "image/png", "\0\x01\x02" },
    };

    [Theory]
    [MemberData(nameof(Values))]
    public async Task A_value_is_the_same_bytes_after_an_export_and_an_import(string type, string value)
    {
        Put("k", Encoding.UTF8.GetBytes(value), type, default, []);
        await ComesBackAsync();
    }

    [Fact]
    public async Task All_that_is_kept_of_an_entry_is_the_same_after_an_export_and_an_import()
    {
        Put("no text", [0xFF, 0xFE], "text/plain", default, []);
        Put("ends", "1"u8.ToArray(), MediaTypes.Json, Ttl.After(60_000), []);
        Put("told", "1"u8.ToArray(), MediaTypes.Json, default, [("author", "me \"and\" you"), ("n", "")]);
        Put("\"quoted\" \\ \U0001F600/é", "1"u8.ToArray(), MediaTypes.Json, Ttl.After(1), [("a", "b")]);
        foreach (var number in Enumerable.Range(0, 1500))
            Put($"many/{number}", Encoding.UTF8.GetBytes($"{number}"), MediaTypes.Json, default, []);
        await ComesBackAsync();
    }

    [Fact]
    public async Task A_line_has_all_that_a_full_list_tells_and_null_for_what_does_not_end()
    {
        Put("a", "text"u8.ToArray(), "text/plain", default, [("x", "y")]);
        Put("b", "[1]"u8.ToArray(), MediaTypes.Json, Ttl.After(60_000), []);
        using var answer = await _http.GetAsync(Export + "?prefix=a");
        var text = await answer.Content.ReadAsStringAsync();

        Assert.Equal(KvMediaTypes.Lines, answer.Content.Headers.ContentType!.ToString());
        Assert.Equal("strong", answer.Headers.GetValues(KvHeaders.Consistency).Single());
        var item = JsonSerializer.Deserialize(text.Split('\n')[0], ContractsJson.Default.KeyListItem)!;
        Assert.Equal(("a", 4, "text/plain", "y"), (item.Key, item.Size, item.ContentType, item.Meta!["x"]));
        Assert.Contains("\"expires\":null", text);
        Assert.Contains("\"expires\":\"1970-01-01T00:17:40.000Z\"", await _http.GetStringAsync(Export + "?start=b"));
        var page = await _http.GetStringAsync("/buckets/default/keys?values=full");
        Assert.Contains("\"meta\":{\"x\":\"y\"}", page);
        Assert.DoesNotContain("null,\"meta\"", page);
    }

    [Fact]
    public async Task An_export_goes_on_from_each_of_its_cursors_in_the_same_snapshot()
    {
        foreach (var number in Enumerable.Range(0, 3500))
            _cluster.Put($"k{number:d4}");
        using var request = new HttpRequestMessage(HttpMethod.Get, Export);
        using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        foreach (var number in Enumerable.Range(0, 3500))
            _cluster.Put($"k{number:d4}", "later");    // all but the first page is read after this
        _cluster.Put("k99");

        var whole = (await answer.Content.ReadAsStringAsync()).TrimEnd('\n').Split('\n');
        var marks = whole.Index().Where(line => line.Item.StartsWith("{\"cursor\"", StringComparison.Ordinal)).ToList();
        Assert.Equal([1000, 2001, 3002], marks.Select(mark => mark.Index));
        Assert.All(whole, line => Assert.DoesNotContain("later", line));
        Assert.Equal((true, 3500L), EndIn(whole[^1]));
        Assert.Equal(3500, whole.Count(line => line.StartsWith("{\"key\"", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_cut_export_has_no_last_line_and_goes_on_elsewhere_from_its_last_cursor()
    {
        var value = new string('v', 1 << 20);
        foreach (var number in Enumerable.Range(0, 40))
            _cluster.Put($"k{number:d2}", value);
        var (begun, mark) = await CutAsync();
        Assert.Equal(begun, mark.Count);
        Assert.InRange(begun, 1, 39);

        await using var other = await _cluster.ServeAsync(member: 1);
        using var client = new HttpClient { BaseAddress = other.Address };
        var rest = (await client.GetStringAsync($"{Export}?cursor={mark.Cursor}")).TrimEnd('\n').Split('\n');
        var keys = rest.Where(line => line.StartsWith("{\"key\"", StringComparison.Ordinal))
            .Select(line => line.Substring("{\"key\":\"".Length, 3));
        Assert.Equal(Enumerable.Range((int)begun, 40 - (int)begun).Select(number => $"k{number:d2}"), keys);
        Assert.Equal((true, 40L), EndIn(rest[^1]));
        var again = await client.GetStringAsync($"{Export}?cursor={mark.Cursor}");    // also from its end
        Assert.Equal(rest, again.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task What_an_export_goes_on_in_is_held_while_it_is_read_and_ten_minutes_longer()
    {
        foreach (var number in Enumerable.Range(0, 40))
            _cluster.Put($"k{number:d2}", new string('v', 1 << 20));
        var (_, mark) = await CutAsync();
        for (var minutes = 0; minutes < 45; minutes += 9)
        {
            _cluster.Time.Advance(TimeSpan.FromMinutes(9));
            (_, mark) = await CutAsync($"?cursor={mark.Cursor}");
        }

        _cluster.Time.Advance(PinnedSnapshots.Lifetime);
        await RefusedAsync($"{Export}?cursor={mark.Cursor}", 410, "cursor-compacted");
    }

    [Fact]
    public async Task An_export_that_a_stopping_node_gives_is_cut()
    {
        foreach (var number in Enumerable.Range(0, 40))
            _cluster.Put($"k{number:d2}", new string('v', 1 << 20));
        _node.Status.IsStopping = true;
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => _http.GetStringAsync(Export));
    }

    [Theory]
    [InlineData("?limit=5", 400, "query-invalid")]
    [InlineData("?order=desc", 400, "query-invalid")]
    [InlineData("?values=none", 400, "query-invalid")]
    [InlineData("?delimiter=%2F", 400, "query-invalid")]
    [InlineData("?prefix=a&prefix=a", 400, "query-invalid")]
    [InlineData("?prefix", 400, "query-invalid")]
    [InlineData("?timeout=0", 400, "query-invalid")]
    [InlineData("?start=b&end=a", 400, "query-invalid")]
    [InlineData("?cursor=abc", 400, "cursor-invalid")]
    public async Task A_query_that_says_nothing_to_an_export_is_refused(string query, int status, string code) =>
        await RefusedAsync(Export + query, status, code);

    [Theory]
    [InlineData("POST", Export, "", 405)]
    [InlineData("HEAD", Export, "", 405)]
    [InlineData("GET", Export, "Accept: application/json", 406)]
    [InlineData("GET", Export, "Accept: application/x-ndjson;q=0", 406)]
    [InlineData("GET", Export, "Accept: text/html, */*;q=0.1", 200)]
    [InlineData("GET", Export, "Kv-Ttl: 5s", 400)]
    [InlineData("GET", Export, "Content-Length: 1", 400)]
    [InlineData("GET", "/buckets/none/export", "", 404)]
    [InlineData("GET", "/buckets/No/export", "", 400)]
    public async Task A_request_that_is_no_export_is_refused(string method, string target, string header, int status)
    {
        var answer = await _node.SendAsync(method, target, header.Length == 0 ? [] : [header]);
        Assert.Equal(status, answer.Status);
    }

    [Fact]
    public async Task Cursors_of_lists_and_exports_are_not_taken_for_each_other()
    {
        foreach (var number in Enumerable.Range(0, 1200))
            _cluster.Put($"k{number:d4}");
        var page = JsonSerializer.Deserialize(
            await _http.GetStringAsync("/buckets/default/keys?values=full&limit=5"),
            ContractsJson.Default.KeyListResponse)!;
        await RefusedAsync($"{Export}?cursor={page.Cursor}", 400, "cursor-invalid");
        var line = (await _http.GetStringAsync(Export)).Split('\n')[1000];
        var mark = JsonSerializer.Deserialize(line, ContractsJson.Default.ExportCursor)!;
        await RefusedAsync($"/buckets/default/keys?values=full&cursor={mark.Cursor}", 400, "cursor-invalid");
        await RefusedAsync($"{Export}?prefix=k&cursor={mark.Cursor}", 400, "cursor-invalid");
    }

    private static (bool IsEnd, long Count) EndIn(string line)
    {
        var end = JsonSerializer.Deserialize(line, ContractsJson.Default.KeyListEnd)!;
        return (end.End, end.Count);
    }

    /// <summary>Reads to the first cursor and goes away; gives how many entries came, and the cursor.</summary>
    private async Task<(long Entries, ExportCursor Mark)> CutAsync(string query = "")
    {
        using var answer = await _http.GetAsync(Export + query, HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
        for (var count = 0L; ; count++)
        {
            var line = await lines.ReadLineAsync();
            if (!line!.StartsWith("{\"key\"", StringComparison.Ordinal))
                return (count, JsonSerializer.Deserialize(line, ContractsJson.Default.ExportCursor)!);
        }
    }

    private async Task RefusedAsync(string target, int status, string code)
    {
        using var answer = await _http.GetAsync(target);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode == status, $"{answer.StatusCode}: {text}");
        Assert.Equal(code, JsonSerializer.Deserialize(text, ContractsJson.Default.Problem)!.Code);
    }

    private void Put(string key, byte[] value, string type, Ttl ttl, List<(string, string)> metadata) =>
        _cluster.Apply(ListCluster.View.Ring.PartitionOf(Encoding.UTF8.GetBytes(key)), new Command.Change
        {
            TimeMs = _cluster.Time.GetUtcNow().ToUnixTimeMilliseconds(),
            Bucket = BucketId.Default,
            Operation = new Operation.Put
            {
                Key = Encoding.UTF8.GetBytes(key),
                Value = value,
                ContentType = type,
                Ttl = ttl,
                Metadata = MetadataFormat.Encode(metadata),
            },
        });

    /// <summary>Imports what is exported into a cluster of the same time, and compares.</summary>
    private async Task ComesBackAsync()
    {
        var target = new ListCluster();
        await using var node = await target.ServeAsync();
        using var client = new HttpClient { BaseAddress = node.Address };
        using var content = new ByteArrayContent(await _http.GetByteArrayAsync(Export));
        content.Headers.ContentType = new(KvMediaTypes.Lines);
        using var answer = await client.PostAsync(Import, content);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode is HttpStatusCode.OK, text);
        var came = JsonSerializer.Deserialize(text, ContractsJson.Default.ImportResponse)!;

        var (there, here) = (Entries(_cluster), Entries(target));
        Assert.Equal((here.Count, 0L, 0L, true), (came.Applied, came.Refused, came.Expired, came.End));
        Assert.Equal(there.Keys.Order(), here.Keys.Order());
        Assert.All(there, entry =>
        {
            var other = here[entry.Key];
            Assert.Equal(entry.Value.Value.ToArray(), other.Value.ToArray());
            Assert.Equal(entry.Value.Metadata.ToArray(), other.Metadata.ToArray());
            Assert.Equal((entry.Value.ContentType, entry.Value.ExpiresMs), (other.ContentType, other.ExpiresMs));
        });
    }

    private static Dictionary<string, StoredEntry> Entries(ListCluster cluster) => Enumerable
        .Range(0, ListCluster.View.Ring.PartitionCount)
        .SelectMany(number => cluster.ImageOf(new PartitionId(number)).From(BucketId.Default, default))
        .ToDictionary(pair => Encoding.UTF8.GetString(pair.Key.Span), pair => pair.Value);
}
