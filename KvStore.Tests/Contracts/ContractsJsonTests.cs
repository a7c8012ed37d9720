using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using KvStore.Contracts;

namespace KvStore.Tests.Contracts;

public sealed partial class ContractsJsonTests
{
    [Fact]
    public void A_problem_has_the_members_of_RFC_9457_and_ours()
    {
        var problem = Problem.Of(ProblemType.PreconditionFailed, "If-Match \"a\" but current is \"b\".") with
        {
            Instance = "/v1/cart/7",
            Key = "cart/7",
            Bucket = "default",
            CurrentEtag = "\"b\"",
            Node = "node2",
            TraceId = "0af7",
        };

        AssertJson(
            """
            {"type":"/problems/precondition-failed","title":"The stored version is different","status":412,
             "detail":"If-Match \"a\" but current is \"b\".","instance":"/v1/cart/7","code":"precondition-failed",
             "retryable":false,"applied":"no","key":"cart/7","bucket":"default","currentEtag":"\"b\"","node":"node2",
             "traceId":"0af7"}
            """,
            JsonSerializer.Serialize(problem, ContractsJson.Default.Problem));
    }

    [Theory]
    [InlineData(Applied.No, "no")]
    [InlineData(Applied.Yes, "yes")]
    [InlineData(Applied.Unknown, "unknown")]
    public void What_is_unknown_to_a_problem_is_absent(Applied applied, string word)
    {
        var problem = Problem.Of(ProblemType.DeadlineExceeded, applied: applied);
        var json = JsonSerializer.Serialize(problem, ContractsJson.Default.Problem);

        AssertJson(
            $$"""
            {"type":"/problems/deadline-exceeded","title":"The deadline passed","status":504,
             "code":"deadline-exceeded","retryable":true,"applied":"{{word}}"}
            """,
            json);
        Assert.Equal(problem, JsonSerializer.Deserialize(json, ContractsJson.Default.Problem));
    }

    [Fact]
    public void Problem_types_are_told_apart_by_code_and_each_is_on_the_list()
    {
        var declared = typeof(ProblemType).GetProperties()
            .Where(property => property.PropertyType == typeof(ProblemType))
            .Select(property => (ProblemType)property.GetValue(null)!)
            .ToList();

        Assert.Equal(declared.Select(type => type.Code).Order(), ProblemType.All.Select(type => type.Code).Order());
        Assert.Equal(declared.Count, declared.Select(type => type.Code).Distinct().Count());
        Assert.Equal(ProblemType.All.Select(type => type.Status).Order(), ProblemType.All.Select(type => type.Status));
        Assert.All(ProblemType.All, type =>
        {
            Assert.Matches(CodeShape(), type.Code);
            Assert.InRange(type.Status, 400, 599);
            Assert.Equal("/problems/" + type.Code, type.Reference);
        });
    }

    [Theory]
    [InlineData("""{"key":"a","value":{"n":[1,null]},"version":7}""")]
    [InlineData("""{"key":"a","value":null,"version":7}""")]
    [InlineData("""{"key":"a","value":"text","version":7}""")]
    [InlineData("""{"key":"a","base64":"AAEC","contentType":"image/png","version":7}""")]
    public void An_entry_goes_and_comes_back_with_either_kind_of_value(string json)
    {
        var entry = JsonSerializer.Deserialize(json, ContractsJson.Default.EntryResponse)!;

        Assert.Equal(json, JsonSerializer.Serialize(entry, ContractsJson.Default.EntryResponse));
        Assert.Equal(json.Contains("base64", StringComparison.Ordinal), entry.Base64 is not null);
    }

    [Fact]
    public void A_deletion_says_which_key() =>
        AssertJson(
            """{"key":"a","deleted":true}""",
            JsonSerializer.Serialize(new DeleteResponse("a", true), ContractsJson.Default.DeleteResponse));

    [Fact]
    public void Every_record_of_the_contracts_has_its_JSON()
    {
        var records = typeof(ContractsJson).Assembly.GetExportedTypes()
            .Where(type => type.GetMethod("<Clone>$") is not null && !type.IsAbstract)
            .Where(type => type.DeclaringType != typeof(KeyTarget) && type != typeof(EtagCondition));

        Assert.All(records, type => Assert.NotNull(ContractsJson.Default.GetTypeInfo(type)));
    }

    [Fact]
    public void A_node_that_is_forming_has_no_cluster_yet()
    {
        var status = new NodeStatus
        {
            Name = "node1",
            Url = "http://localhost:8001",
            Version = "0.1.0",
            State = "forming",
            Incarnation = "00000000000000aa",
            PeerPort = 18001,
            Partitions = 64,
            ReplicationFactor = 3,
            Epoch = 0,
            Founders = 0,
            Removed = [],
            Members = [],
            UptimeSeconds = 1.5,
            Replicas = new RoleCounts(0, 0, 0),
            PrimaryKeys = 0,
            Keys = 0,
            Bytes = 0,
            Requests = 0,
            Log = new LogStatus(1, 0, null),
            Peers = [new PeerStatus("node2", null, false, 0)],
        };
        var json = JsonSerializer.Serialize(status, ContractsJson.Default.NodeStatus);

        Assert.DoesNotContain("null", json, StringComparison.Ordinal);
        Assert.DoesNotContain("clusterId", json, StringComparison.Ordinal);
        Assert.Contains("\"peerPort\":18001", json, StringComparison.Ordinal);
        var read = JsonSerializer.Deserialize(json, ContractsJson.Default.NodeStatus)!;
        Assert.Equal(json, JsonSerializer.Serialize(read, ContractsJson.Default.NodeStatus));
    }

    private static void AssertJson(string expected, string actual)
    {
        using var left = JsonDocument.Parse(Encoding.UTF8.GetBytes(expected));
        using var right = JsonDocument.Parse(Encoding.UTF8.GetBytes(actual));
        Assert.True(JsonElement.DeepEquals(left.RootElement, right.RootElement), actual);
    }

    [GeneratedRegex("^[a-z]+(-[a-z]+)*$")]
    private static partial Regex CodeShape();
}
