using System.Net;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using KvStore.Contracts;
using KvStore.OpenApi;
using KvStore.Tests.Node.Api;
using Microsoft.OpenApi;

namespace KvStore.Tests.OpenApi;

/// <summary>The document itself: valid, whole, and the same wherever it is asked for.</summary>
public sealed class ApiDocumentTests
{
    private const string Golden = "KvStore.Tests/OpenApi/openapi.v1.json";

    /// <summary>Constants among the routes that are no path of their own.</summary>
    private static readonly Dictionary<string, string> NoPaths = new()
    {
        [nameof(Routes.Keys)] = "what stands before a key",
        [nameof(Routes.KeyMethods)] = "a list of methods",
        [nameof(Routes.KeysMethods)] = "a list of methods",
    };

    /// <summary>Codes that no operation can have of its own.</summary>
    private static readonly Dictionary<string, string> NoOperations = new()
    {
        [ProblemType.MethodNotAllowed.Code] = "of whatever is not an operation of a path",
        [ProblemType.WrongCluster.Code] = "no answer of this version",
    };

    private static string Text => Encoding.UTF8.GetString(ApiDocument.Document.Bytes.Span);

    [Fact]
    public void It_is_as_it_was_or_the_change_is_meant() => GoldenFile.AssertEqual(Golden, Text);

    [Fact]
    public void Others_can_read_it_and_find_nothing_wrong()
    {
        var read = OpenApiDocument.Parse(Text, "json");

        Assert.Empty(read.Diagnostic!.Errors!.Select(error => $"{error}"));
        Assert.Empty(read.Diagnostic!.Warnings!.Select(warning => warning.ToString()));
        Assert.Equal(OpenApiSpecVersion.OpenApi3_1, read.Diagnostic!.SpecificationVersion);
        Assert.Empty(read.Document!.Validate(ValidationRuleSet.GetDefaultRuleSet()).Select(error => $"{error}"));
        Assert.Equal(
            Operations.All.Length, read.Document!.Paths!.Values.Sum(path => path.Operations!.Count));
    }

    [Fact]
    public void Every_reference_in_it_leads_somewhere()
    {
        var root = JsonNode.Parse(Text)!;
        var references = All(root).OfType<JsonObject>()
            .Select(node => node["$ref"]).OfType<JsonValue>().Select(value => value.GetValue<string>()).Distinct();

        Assert.All(references, reference => Assert.NotNull(
            reference[2..].Split('/').Aggregate((JsonNode?)root, (node, name) => node?[name])));
    }

    [Fact]
    public void Every_operation_has_a_name_of_its_own_and_is_there_once()
    {
        Assert.Equal(Operations.All.Length, Operations.All.Select(operation => operation.Id).Distinct().Count());
        Assert.Equal(
            Operations.All.Length,
            Operations.All.Select(operation => (operation.Path, operation.Method)).Distinct().Count());
        Assert.All(Operations.All, operation =>
        {
            Assert.NotEqual("", operation.Summary);
            Assert.NotEqual("", operation.Description);
            Assert.NotEmpty(operation.Answers);
            Assert.Equal(
                operation.Parameters.Length,
                operation.Parameters.Select(parameter => (parameter.In, parameter.Name)).Distinct().Count());
        });
    }

    [Fact]
    public void Every_route_is_in_it()
    {
        var paths = Operations.All.Select(operation => operation.Path).ToHashSet();
        var routes = Constants(typeof(Routes)).Where(route => !NoPaths.ContainsKey(route.Name)).ToList();

        Assert.NotEmpty(routes);
        Assert.All(routes, route => Assert.Contains(route.Value, paths));
    }

    [Fact]
    public void Every_header_is_in_it()
    {
        var root = JsonNode.Parse(Text)!["components"]!;
        var names = root["headers"]!.AsObject().Select(header => header.Key)
            .Concat(root["parameters"]!.AsObject().Select(parameter => parameter.Value!["name"]!.GetValue<string>()))
            .ToList();
        var headers = Constants(typeof(KvHeaders)).ToList();

        Assert.NotEmpty(headers);
        Assert.All(headers, header => Assert.Contains(
            header.Value is KvHeaders.MetadataPrefix ? header.Value + "{name}" : header.Value, names));
    }

    [Fact]
    public void Every_code_is_one_of_some_operation()
    {
        var codes = Operations.All.SelectMany(operation => operation.Problems.Concat(operation.ItemProblems))
            .Select(problem => problem.Code).ToHashSet();

        Assert.Equal(
            NoOperations.Keys.Order(),
            ProblemType.All.Select(problem => problem.Code).Where(code => !codes.Contains(code)).Order());
        var text = Text;
        Assert.All(codes, code => Assert.Contains($"- [`{code}`](/problems/{code})", text));
        Assert.Contains($"`{ProblemType.MethodNotAllowed.Code}`", text);
    }

    [Fact]
    public void Examples_of_bodies_are_what_their_records_read()
    {
        var strict = new JsonSerializerOptions(ContractsJson.Default.Options)
        {
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        };
        var contents = Operations.All.SelectMany(operation => operation.Body?.Contents ?? [])
            .Concat(Operations.All.SelectMany(operation => operation.Answers).SelectMany(answer => answer.Contents))
            .Where(content => content is { Example: not null, Types.Length: > 0 } && content.Types[0] != typeof(string))
            .ToList();

        Assert.NotEmpty(contents);
        Assert.All(contents, content => Assert.Contains(content.Types, type => Reads(content.Example!, type, strict)));
    }

    [Fact]
    public async Task Node_and_balancer_answer_the_same_bytes_and_a_tag_for_them()
    {
        await using var node = await ApiNode.StartAsync();
        await using var cluster = await Balancer.FakeCluster.StartAsync(nodes: 1);
        using var http = new HttpClient { BaseAddress = node.Address };
        using var atNode = await http.GetAsync(Routes.OpenApi);
        using var atBalancer = await cluster.Http.GetAsync(Routes.OpenApi);

        Assert.Equal(HttpStatusCode.OK, atNode.StatusCode);
        Assert.Equal("application/json", atNode.Content.Headers.ContentType!.MediaType);
        var bytes = await atNode.Content.ReadAsByteArrayAsync();
        Assert.Equal(ApiDocument.Document.Bytes.ToArray(), bytes);
        Assert.Equal(bytes, await atBalancer.Content.ReadAsByteArrayAsync());
        Assert.Equal(atNode.Headers.ETag, atBalancer.Headers.ETag);

        using var again = new HttpRequestMessage(HttpMethod.Get, Routes.OpenApi);
        again.Headers.IfNoneMatch.Add(atNode.Headers.ETag!);
        using var same = await http.SendAsync(again);
        Assert.Equal(HttpStatusCode.NotModified, same.StatusCode);
        Assert.Empty(await same.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task The_type_of_a_problem_leads_to_its_page_on_the_server_that_gave_it()
    {
        await using var node = await ApiNode.StartAsync();
        await using var cluster = await Balancer.FakeCluster.StartAsync(nodes: 1);
        using var http = new HttpClient { BaseAddress = node.Address };
        foreach (var client in (HttpClient[])[http, cluster.Http])
        {
            foreach (var problem in ProblemType.All)
            {
                using var page = await client.GetAsync(problem.Reference);
                Assert.Equal(HttpStatusCode.OK, page.StatusCode);
                Assert.Equal("text/markdown", page.Content.Headers.ContentType!.MediaType);
                Assert.StartsWith($"# {problem.Title}\n", await page.Content.ReadAsStringAsync());
            }

            using var none = await client.GetAsync("/problems/no-such-code");
            Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
            Assert.Contains(ProblemType.RouteNotFound.Code, await none.Content.ReadAsStringAsync());
        }
    }

    private static bool Reads(string json, Type type, JsonSerializerOptions options)
    {
        try
        {
            return JsonSerializer.Deserialize(json, type, options) is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static IEnumerable<JsonNode> All(JsonNode node) => node switch
    {
        JsonObject all => all.Select(member => member.Value).OfType<JsonNode>().SelectMany(All).Prepend(node),
        JsonArray items => items.OfType<JsonNode>().SelectMany(All).Prepend(node),
        _ => [node],
    };

    private static IEnumerable<(string Name, string Value)> Constants(Type type) =>
        type.GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.IsLiteral)
            .Select(field => (field.Name, (string)field.GetRawConstantValue()!));
}
