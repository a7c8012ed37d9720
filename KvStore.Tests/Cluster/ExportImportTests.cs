using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using KvStore.Contracts;
using KvStore.Tests.Cli;

namespace KvStore.Tests.Cluster;

/// <summary>Exports and imports on three real nodes, of which one is killed between two pages.</summary>
[Collection(nameof(ClusterCollection))]
public sealed class ExportImportTests : IDisposable
{
    private const int Keys = 1100;
    private const int Kinds = 120;
    private const int Pairs = 8;

    private readonly string _directory = Directory.CreateTempSubdirectory("kvstore-export-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_bucket_is_the_same_in_another_bucket_after_an_export_a_cut_a_kill_and_an_import()
    {
        await using var cluster = await TestCluster.StartAsync();
        foreach (var bucket in (string[])["from", "to"])
            (await cluster.Door.PutAsync($"/buckets/{bucket}", null)).EnsureSuccessStatusCode();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Kinds), async (number, _) => await PutAsync(cluster.Door, number));
        await BatchAsync(cluster.Door, Enumerable.Range(Kinds, Keys - Kinds).Select(number => ($"k{number}", number)));
        await WritePairsAsync(cluster.Door, new CancellationToken(canceled: true));
        using var ended = new CancellationTokenSource();
        var writer = WritePairsAsync(cluster.Door, ended.Token);

        var (lines, mark) = await CutAsync(cluster.Door);
        lines.AddRange(await ReadAsync(cluster.Nodes[1].Http, mark));
        IsWhole(lines);

        (_, mark) = await CutAsync(cluster.Door);
        await cluster.Nodes[2].KillAsync();
        foreach (var door in (HttpClient[])[cluster.Door, cluster.Nodes[0].Http])
        {
            using var gone = await door.GetAsync($"/buckets/from/export?cursor={mark}");
            Assert.Equal(HttpStatusCode.Gone, gone.StatusCode);
        }

        await ended.CancelAsync();
        await writer;
        var file = Path.Combine(_directory, "export");
        Assert.Equal(0, await KvAsync(cluster.Balancer, "export", "-b", "from", "--out", file));
        IsWhole([.. await File.ReadAllLinesAsync(file)]);
        Assert.Equal(0, await KvAsync(cluster.Balancer, "import", "-b", "to", "--in", file));
        await Parallel.ForEachAsync(Enumerable.Range(0, Kinds), async (number, _) =>
        {
            var source = await GetAsync(cluster.Door, "from", number);
            var copy = await GetAsync(cluster.Door, "to", number);
            Assert.Equal(source, copy);
        });
        var copies = (await cluster.Door.GetStringAsync("/buckets/to/export")).TrimEnd('\n').Split('\n');
        Assert.Equal((await File.ReadAllLinesAsync(file)).SkipLast(1).Select(Kept), copies.SkipLast(1)
            .Where(line => !line.StartsWith("{\"cursor\"", StringComparison.Ordinal)).Select(Kept));
    }

    /// <summary>What a line tells but for what is another in another bucket.</summary>
    private static string Kept(string line)
    {
        var entry = JsonNode.Parse(line)!.AsObject();
        foreach (var name in (string[])["etag", "version", "modified"])
            Assert.True(entry.Remove(name));
        return entry.ToJsonString();
    }

    /// <summary>Every key once, those of a pair as one command wrote them both.</summary>
    private static void IsWhole(List<string> lines)
    {
        var end = JsonSerializer.Deserialize(lines[^1], ContractsJson.Default.KeyListEnd)!;
        var items = lines.SkipLast(1)
            .Select(line => JsonSerializer.Deserialize(line, ContractsJson.Default.KeyListItem)!)
            .ToDictionary(item => item.Key);
        Assert.Equal((true, (long)items.Count, Keys + 2 * Pairs), (end.End, end.Count, items.Count));
        for (var pair = 0; pair < Pairs; pair++)
        {
            Assert.Equal(
                items[$"a{{{pair}}}"].Value.GetInt64(), items[$"z{{{pair}}}"].Value.GetInt64());
        }
    }

    /// <summary>Writes both keys of one pair after the other, each time with one command.</summary>
    private static async Task WritePairsAsync(HttpClient door, CancellationToken ended)
    {
        for (var number = 0; !ended.IsCancellationRequested || number < Pairs; number++)
        {
            var pair = number % Pairs;
            await BatchAsync(door, [($"a{{{pair}}}", number), ($"z{{{pair}}}", number)]);
        }
    }

    private static async Task BatchAsync(HttpClient door, IEnumerable<(string Key, int Value)> puts)
    {
        var operations = puts.Select(put => $$"""{"op":"put","key":"{{put.Key}}","value":{{put.Value}}}""");
        using var content = new StringContent(
            $$"""{"ops":[{{string.Join(',', operations)}}]}""", Encoding.UTF8, "application/json");
        using var answer = await door.PostAsync("/buckets/from/batch", content);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Reads to the first cursor, and gives that up: the rest is to be read with it.</summary>
    private static async Task<(List<string> Lines, string Cursor)> CutAsync(HttpClient door)
    {
        using var answer = await door.GetAsync("/buckets/from/export", HttpCompletionOption.ResponseHeadersRead);
        answer.EnsureSuccessStatusCode();
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        var lines = new List<string>();
        while (true)
        {
            var line = (await reader.ReadLineAsync())!;
            if (line.StartsWith("{\"cursor\"", StringComparison.Ordinal))
                return (lines, JsonSerializer.Deserialize(line, ContractsJson.Default.ExportCursor)!.Cursor);
            lines.Add(line);
        }
    }

    private static async Task<IEnumerable<string>> ReadAsync(HttpClient door, string cursor)
    {
        var text = await door.GetStringAsync($"/buckets/from/export?cursor={cursor}");
        return text.TrimEnd('\n').Split('\n')
            .Where(line => !line.StartsWith("{\"cursor\"", StringComparison.Ordinal));
    }

    private static string KeyOf(int number) =>
        Uri.EscapeDataString(number % 7 == 0 ? $"é \"{number}\" \\" : $"k{number}");

    /// <summary>Of all kinds.</summary>
    private static async Task PutAsync(HttpClient door, int number)
    {
        using var content = new ByteArrayContent((number % 5) switch
        {
            0 => Encoding.UTF8.GetBytes($$"""{"n": {{number}},{{"\n"}} "two": "lines"}"""),
            1 => Encoding.UTF8.GetBytes($$"""{"n":[{{number}}]}"""),
            2 => Encoding.UTF8.GetBytes($"text {number} \U0001F600 \n"),
            3 => [.. Enumerable.Range(0, number % 50 == 3 ? 40_000 : 40).Select(octet => (byte)(octet * number))],
            _ => [],
        });
        content.Headers.ContentType = new((number % 5) switch
        {
            0 or 1 => "application/json",
            2 => "text/plain",
            _ => "application/octet-stream",
        });
        using var request = new HttpRequestMessage(HttpMethod.Put, $"/buckets/from/keys?key={KeyOf(number)}");
        request.Content = content;
        if (number % 3 == 0)
            request.Headers.Add("Kv-Meta-Number", $"no. {number}");
        if (number % 4 == 0)
            request.Headers.Add(KvHeaders.Ttl, "1h");
        using var answer = await door.SendAsync(request);
        answer.EnsureSuccessStatusCode();
    }

    private static async Task<Entry> GetAsync(
        HttpClient door, string bucket, int number)
    {
        using var answer = await door.GetAsync($"/buckets/{bucket}/keys?key={KeyOf(number)}");
        answer.EnsureSuccessStatusCode();
        return new Entry(
            Convert.ToBase64String(await answer.Content.ReadAsByteArrayAsync()),
            answer.Content.Headers.ContentType!.ToString(),
            answer.Headers.TryGetValues("Kv-Meta-Number", out var told) ? told.Single() : null,
            answer.Headers.TryGetValues(KvHeaders.ExpiresAt, out var ends)
                ? DateTimeOffset.Parse(ends.Single(), CultureInfo.InvariantCulture)
                : null);
    }

    private sealed record Entry(string Bytes, string Type, string? Told, DateTimeOffset? Ends);

    private static async Task<int> KvAsync(TestProcess server, params string[] args)
    {
        using var terminal = new MemoryTerminal();
        terminal.Variables["KVSTORE_SERVER"] = server.Http.BaseAddress!.ToString();
        var code = await terminal.RunAsync(args);
        Assert.True(code == 0, terminal.Errors);
        return code;
    }
}
