using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using KvStore.Contracts;
using KvStore.Node;
using KvStore.OpenApi;
using KvStore.Tests.Node.Api;
using KvStore.Tests.Node.Transactions;
using Microsoft.AspNetCore.Routing;

namespace KvStore.Tests.OpenApi;

/// <summary>What the document says is what a node does.</summary>
public sealed class ServedOperationsTests
{
    /// <summary>What refuses a request for what its query or its headers say.</summary>
    private static readonly string[] Misread =
    [
        ProblemType.QueryInvalid.Code, ProblemType.HeaderInvalid.Code, ProblemType.ConditionInvalid.Code,
        ProblemType.SessionInvalid.Code, ProblemType.IdempotencyKeyInvalid.Code, ProblemType.NotAcceptable.Code,
    ];

    /// <summary>The default one cannot be dropped.</summary>
    private const string OwnBucket = "pictures";

    private static readonly JsonSerializerOptions Strict = new(ContractsJson.Default.Options)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    /// <summary>
    /// Those that are answered by the parts of a node which need no disk, no peers and nothing that was begun before.
    /// </summary>
    private static IEnumerable<Operation> OfApi => Operations.All.Where(operation =>
        operation.Path is not (Routes.Nodes or Routes.Faults or Routes.Alive or Routes.Scalar or Routes.Operation
            or Routes.Snapshots));

    /// <summary>Those whose readers know every parameter that they take.</summary>
    private static IEnumerable<Operation> Strictly => OfApi.Where(operation =>
        operation.Method is not ("HEAD" or "OPTIONS")
        && (operation.Path.StartsWith("/v1", StringComparison.Ordinal)
            || operation.Path.StartsWith(Routes.Buckets, StringComparison.Ordinal)));

    [Fact]
    public async Task Every_endpoint_of_a_node_is_described_and_every_description_has_an_endpoint()
    {
        var directory = Directory.CreateTempSubdirectory("kvstore-");
        try
        {
            await using var node = NodeProgram.Build(
            [
                "--NODE_NAME=node1", "--PORT=8001", "--CURRENT_NODE_URL=http://127.0.0.1:8001",
                "--CLUSTER_NODES=http://127.0.0.1:8001", $"--KVSTORE_WAL_DIR={directory.FullName}/wal",
                $"--KVSTORE_SNAPSHOT_DIR={directory.FullName}/snapshots", "--KvStore:AllowFaults=true",
            ]);    // built and not started: it listens nowhere

            Assert.Equal(
                Operations.All.Where(operation => !IsOfKeys(operation.Path))
                    .Select(operation => $"{operation.Method} {operation.Path}").Order(StringComparer.Ordinal),
                EndpointsOf(node).Order(StringComparer.Ordinal));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>Answered before there is any routing.</summary>
    private static bool IsOfKeys(string path) =>
        path is Routes.Key or Routes.BucketKey or Routes.DefaultKeys or Routes.BucketKeys;

    /// <summary>All but the links of nodes, which have a port of their own, and the files of the page.</summary>
    private static IEnumerable<string> EndpointsOf(IEndpointRouteBuilder app) =>
        from endpoint in app.DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
        let path = endpoint.RoutePattern.RawText!.Replace("{documentName?}", "", StringComparison.Ordinal)
        where path.StartsWith('/') && !path.Contains("Peer", StringComparison.Ordinal)
            && (!path.StartsWith("/scalar/", StringComparison.Ordinal) || !path.Contains('.'))
        from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"]
        select $"{method} {(path.Length > 1 ? path.TrimEnd('/') : path)}";

    [Fact]
    public async Task Every_operation_is_served_and_answers_as_it_is_described()
    {
        await using var nodes = await Served.StartAsync();
        foreach (var operation in OfApi)
        {
            var http = nodes.For(operation);
            if (!WritesMany(operation))
                await StoreAsync(http);
            using var request = Request(operation, BaseQuery(operation, ""));
            using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            var status = (int)answer.StatusCode;
            var name = $"{operation.Method} {operation.Path}: {status}";

            Assert.True(operation.Answers.Any(known => known.Status == status), $"{name} {await TextOf(answer)}");
            AssertHeaders(operation.Answers.Single(known => known.Status == status), answer, name);
            await AssertBodyAsync(operation.Answers.Single(known => known.Status == status), answer, name);
        }
    }

    [Fact]
    public async Task A_query_parameter_is_taken_where_it_is_described_and_nowhere_else()
    {
        await using var nodes = await Served.StartAsync();
        var all = Strictly.SelectMany(operation => operation.Parameters).Where(parameter => parameter.In is "query")
            .ToLookup(parameter => parameter.Name);
        var wrong = new List<string>();
        foreach (var operation in Strictly)
        {
            foreach (var name in all.Select(group => group.Key).Append("unknown"))
            {
                var own = operation.Parameters.SingleOrDefault(it => it.In is "query" && it.Name == name);
                var value = Uri.EscapeDataString((own ?? all[name].FirstOrDefault())?.Example ?? "1");
                var pair = own?.IsBare == true ? name : $"{name}={value}";
                using var request = Request(operation, Joined(BaseQuery(operation, name), pair));
                var code = await CodeAsync(nodes.For(operation), request);
                if (own is null ? code != ProblemType.QueryInvalid.Code : Misread.Contains(code))
                    wrong.Add($"{operation.Method} {request.RequestUri}: {code}");
            }
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public async Task A_header_is_taken_where_it_is_described()
    {
        await using var nodes = await Served.StartAsync();
        var wrong = new List<string>();
        foreach (var operation in Strictly)
        {
            foreach (var header in operation.Parameters.Where(parameter => parameter.In is "header"))
            {
                using var request = Request(operation, BaseQuery(operation, ""));
                var name = header.Name.Replace("{name}", "author", StringComparison.Ordinal);
                request.Headers.Remove(name);
                request.Headers.TryAddWithoutValidation(name, header.Example);
                if (name is KvHeaders.Prefer)
                    request.Headers.Accept.Clear();    // a stream does not wait
                var code = await CodeAsync(nodes.For(operation), request);
                if (Misread.Contains(code))
                    wrong.Add($"{operation.Method} {operation.Path} {header.Name}: {header.Example}: {code}");
                if (code is not null && operation.Problems.All(problem => problem.Code != code))
                    wrong.Add($"{operation.Method} {operation.Path} {header.Name}: {code} is not described");
            }

            using var unknown = Request(operation, BaseQuery(operation, ""));
            unknown.Headers.Add("Kv-Unknown", "1");
            if (await CodeAsync(nodes.For(operation), unknown) is var found && found != ProblemType.HeaderInvalid.Code)
                wrong.Add($"{operation.Method} {operation.Path} takes any header: {found}");
        }

        Assert.Empty(wrong);
    }

    private static bool WritesMany(Operation operation) =>
        operation.Path is Routes.Batch or Routes.Transaction or Routes.Import;

    /// <summary>A node over one state, and one over partitions, which writes of many keys need.</summary>
    private sealed class Served(ApiNode node, ApiNode many) : IAsyncDisposable
    {
        private readonly HttpClient _http = new() { BaseAddress = node.Address };
        private readonly HttpClient _many = new() { BaseAddress = many.Address };

        public static async Task<Served> StartAsync() => new(
            await ApiNode.StartAsync(), await ApiNode.StartAsync(reached: new PartitionStates()));

        public HttpClient For(Operation operation) =>
            WritesMany(operation) ? _many : _http;

        public async ValueTask DisposeAsync()
        {
            _http.Dispose();
            _many.Dispose();
            await node.DisposeAsync();
            await many.DisposeAsync();
        }
    }

    /// <summary>A key and a bucket, so that there is something to answer.</summary>
    private static async Task StoreAsync(HttpClient http)
    {
        using var stored = await http.PostAsync(
            "/v1/greeting", new StringContent("{\"value\":1}", Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.OK, stored.StatusCode);
        using var created = await http.PutAsync($"{Routes.Buckets}/{OwnBucket}", content: null);
        Assert.True(created.IsSuccessStatusCode);
    }

    private static HttpRequestMessage Request(Operation operation, string query)
    {
        var path = operation.Parameters.Where(parameter => parameter.In is "path").Aggregate(
            operation.Path,
            (path, parameter) => path.Replace(
                $"{{{parameter.Name}}}",
                path is Routes.Bucket ? OwnBucket : parameter.Example,
                StringComparison.Ordinal));
        var request = new HttpRequestMessage(
            new HttpMethod(operation.Method), new Uri(path + (query.Length > 0 ? "?" + query : ""), UriKind.Relative));
        if (operation.Body?.Contents is { } contents && !query.Contains("touch", StringComparison.Ordinal))
        {
            var content = contents.LastOrDefault(content => content.Types.Length > 0) ?? contents[^1];
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(content.Example ?? "bytes"));
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(
                content.MediaType is "*/*" ? "text/plain" : content.MediaType);
        }

        if (operation.Path is Routes.Watch)
            request.Headers.Add("Accept", "application/json");
        return request;
    }

    /// <summary>What an operation does not go without, and the parameter does not.</summary>
    private static string BaseQuery(Operation operation, string name) => (operation.Id, name) switch
    {
        ("deleteKeys" or "deleteBucketKeys", "prefix") => "dry_run=true",
        ("deleteKeys" or "deleteBucketKeys", "confirm" or "dry_run") => "prefix=docs",
        ("deleteKeys" or "deleteBucketKeys", "key" or "key64") => "",
        ("deleteKeys" or "deleteBucketKeys", _) => "prefix=docs&dry_run=true",
        (_, "touch") => "ttl=1h",
        _ => "",
    };

    private static string Joined(string left, string right) => left.Length == 0 ? right : $"{left}&{right}";

    private static void AssertHeaders(Answer known, HttpResponseMessage answer, string name)
    {
        var described = known.Headers.Select(header => header.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var sent = answer.Headers.Concat(answer.Content.Headers).Select(header => header.Key).Where(header =>
            header is not ("Content-Type" or "Content-Length" or "Date" or "Server" or "Transfer-Encoding"));
        Assert.All(
            sent, header => Assert.True(described.Contains(header), $"{name} has {header}, which is not described"));
    }

    /// <summary>
    /// JSON, and each line of it, is what one of the records reads, without a member that it does not have.
    /// </summary>
    private static async Task AssertBodyAsync(Answer known, HttpResponseMessage answer, string name)
    {
        if (answer.Content.Headers.ContentType?.MediaType is not { } type || known.Contents.IsEmpty)
            return;
        var content = known.Contents.SingleOrDefault(content => content.MediaType == type)
            ?? known.Contents.SingleOrDefault(content => content.MediaType is "*/*");
        Assert.True(content is not null, $"{name} has {type}, which is not described");
        if (content.Types.IsEmpty || content.Types[0] == typeof(string))
            return;
        var text = await answer.Content.ReadAsStringAsync();
        var documents = type is "application/x-ndjson" ? text.TrimEnd('\n').Split('\n') : [text];
        Assert.All(documents, one => Assert.True(content.Types.Any(record => Reads(one, record)), $"{name}: {one}"));
    }

    private static bool Reads(string json, Type type)
    {
        try
        {
            return JsonSerializer.Deserialize(json, type, Strict) is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static async Task<string?> CodeAsync(HttpClient http, HttpRequestMessage request)
    {
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return (int)answer.StatusCode < 400 ? null
            : JsonSerializer.Deserialize(await TextOf(answer), ContractsJson.Default.Problem)!.Code;
    }

    private static Task<string> TextOf(HttpResponseMessage answer) => answer.Content.ReadAsStringAsync();
}
