using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using KvStore.Contracts;

namespace KvStore.OpenApi;

/// <summary>Refusals in the document: by status, with the codes that each can have.</summary>
internal static class ProblemAnswers
{
    /// <summary>One example for each code.</summary>
    public static JsonObject Examples() => new(ProblemType.All
        .OrderBy(problem => problem.Code, StringComparer.Ordinal)
        .Select(problem => KeyValuePair.Create<string, JsonNode?>(problem.Code, new JsonObject
        {
            ["summary"] = problem.Title,
            ["value"] = JsonSerializer.SerializeToNode(
                Problem.Of(problem, applied: AppliedBy(problem)) with { Node = "node2" },
                ContractsJson.Default.Problem),
        })));

    /// <summary>What a refusal of the type mostly did: its page has the rest.</summary>
    private static Applied AppliedBy(ProblemType problem) =>
        problem == ProblemType.DeadlineExceeded || problem == ProblemType.Internal ? Applied.Unknown : Applied.No;

    /// <summary>The codes of one status, in words.</summary>
    public static string Describe(IEnumerable<ProblemType> problems) => string.Join(
        '\n', problems.Select(problem => $"- [`{problem.Code}`]({problem.Reference}): {problem.Title}"));

    /// <summary>The body of the refusals of one status.</summary>
    public static JsonObject Content(ImmutableArray<ProblemType> problems, Schemas schemas) => new()
    {
        ["schema"] = new JsonObject
        {
            ["allOf"] = new JsonArray(schemas.Refer(typeof(Problem)), CodeIn(problems)),
        },
        ["examples"] = new JsonObject(problems.Select(problem => KeyValuePair.Create<string, JsonNode?>(
            problem.Code, new JsonObject { ["$ref"] = $"#/components/examples/{problem.Code}" }))),
    };

    private static JsonObject CodeIn(IEnumerable<ProblemType> problems) => new()
    {
        ["properties"] = new JsonObject
        {
            ["code"] = new JsonObject
            {
                ["enum"] = new JsonArray([.. problems.Select(problem => JsonValue.Create(problem.Code))]),
            },
        },
    };
}
