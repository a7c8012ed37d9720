using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Nodes;
using KvStore.Contracts;

namespace KvStore.OpenApi;

/// <summary>Makes the document of <see cref="Operations"/>.</summary>
internal sealed class DocumentBuilder
{
    private const string Description =
        "A durable, replicated, distributed key-value store. An acknowledged write is flushed to disk by a majority of "
        + "its copies; a read is linearizable unless it asks for less.\n\n"
        + "Every node and the balancer answer all of this; a node that is not the primary of a key forwards. Where "
        + "they differ, the operation says so.\n\n"
        + "What is not known is refused, never ignored: an unknown query parameter (400 `query-invalid`) or header "
        + "that begins with `Kv-` (400 `header-invalid`); headers of answers may come back. A path that nothing is "
        + "served at is answered 404 `route-not-found`, a method that a path does not take 405 `method-not-allowed` "
        + "with `Allow`. What the HTTP server itself cannot read is answered by a status alone, and nothing is "
        + "applied.\n\n"
        + "Every other refusal is `application/problem+json` (RFC 9457). `code` is what programs look at; `applied` "
        + "says what happened to the store: `no`, `yes` or `unknown`; `retryable` whether the same request may soon "
        + "succeed unchanged. A write whose outcome is unknown is sent again with the same `Idempotency-Key`.";

    private readonly Schemas _schemas = new();
    private readonly SortedDictionary<string, Parameter> _parameters = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, Header> _headers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _refusals = [];
    private readonly JsonObject _responses = [];

    public JsonObject Build()
    {
        var paths = new JsonObject();
        foreach (var path in Operations.All.GroupBy(operation => operation.Path))
            paths[path.Key] = new JsonObject(path.Select(operation => KeyValuePair.Create<string, JsonNode?>(
                operation.Method.ToLowerInvariant(), Of(operation))));
        return new JsonObject
        {
            ["openapi"] = "3.1.1",
            ["info"] = new JsonObject
            {
                ["title"] = "KvStore",
                ["version"] = "v1",
                ["description"] = Description,
                ["license"] = new JsonObject { ["name"] = "MIT", ["identifier"] = "MIT" },
            },
            ["servers"] = new JsonArray(new JsonObject
            {
                ["url"] = "/",
                ["description"] = "Whoever gave this document.",
            }),
            ["tags"] = new JsonArray([.. Operations.Tags.Select(tag => new JsonObject
            {
                ["name"] = tag.Name,
                ["description"] = tag.Description,
            })]),
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["schemas"] = _schemas.Made(),
                ["parameters"] = new JsonObject(_parameters.Select(known => Named(known.Key, Of(known.Value)))),
                ["headers"] = new JsonObject(_headers.Select(known => Named(known.Key, Of(known.Value)))),
                ["responses"] = _responses,
                ["examples"] = ProblemAnswers.Examples(),
            },
        };
    }

    private static KeyValuePair<string, JsonNode?> Named(string name, JsonNode node) => new(name, node);

    private JsonObject Of(Operation operation)
    {
        var made = new JsonObject
        {
            ["operationId"] = operation.Id,
            ["tags"] = new JsonArray(operation.Tag.Name),
            ["summary"] = operation.Summary,
            ["description"] = operation.Description + ItemsOf(operation),
        };
        if (operation.Parameters.Length > 0)
            made["parameters"] = new JsonArray([.. operation.Parameters.Select(Refer)]);
        if (operation.Body is { } body)
        {
            made["requestBody"] = new JsonObject
            {
                ["description"] = body.Description,
                ["required"] = body.IsRequired,
                ["content"] = Of(body.Contents),
            };
        }

        made["responses"] = Responses(operation);
        return made;
    }

    private static string ItemsOf(Operation operation) => operation.ItemProblems.IsEmpty
        ? ""
        : "\n\nThe `problem` of an item can be:\n\n" + ProblemAnswers.Describe(Ordered(operation.ItemProblems));

    /// <summary>Each once, by status and code.</summary>
    private static ImmutableArray<ProblemType> Ordered(IEnumerable<ProblemType> problems) =>
    [
        .. problems.Distinct().OrderBy(problem => problem.Status)
            .ThenBy(problem => problem.Code, StringComparer.Ordinal),
    ];

    private JsonObject Responses(Operation operation)
    {
        var made = new JsonObject();
        var problems = Ordered(operation.Problems).ToLookup(problem => problem.Status);
        var statuses = operation.Answers.Select(answer => answer.Status).Concat(problems.Select(group => group.Key));
        foreach (var status in statuses.Distinct().Order())
        {
            var answer = operation.Answers.SingleOrDefault(answer => answer.Status == status);
            var response = Response(operation, answer, [.. problems[status]]);
            made[status.ToString(CultureInfo.InvariantCulture)] =
                answer is null ? Shared($"{operation.Id}-{status}", response) : response;
        }

        return made;
    }

    /// <summary>Many operations are refused alike: it is said once, under the name of the first of them.</summary>
    private JsonObject Shared(string name, JsonObject response)
    {
        if (_refusals.TryAdd(response.ToJsonString(), name))
            _responses[name] = response;
        return new JsonObject { ["$ref"] = $"#/components/responses/{_refusals[response.ToJsonString()]}" };
    }

    private JsonObject Response(Operation operation, Answer? answer, ImmutableArray<ProblemType> problems)
    {
        var isRead = operation.Method is "GET" or "HEAD";
        var isOfKey = operation.Parameters.Contains(Parameters.Key);
        var headers = answer?.Headers ?? [];
        if (problems.Length > 0)
        {
            headers =
            [
                .. headers, .. Headers.OfNode,
                .. problems.SelectMany(problem => Headers.Of(problem, isRead && isOfKey)),
            ];
        }

        var content = answer is null ? [] : Of(answer.Contents);
        if (problems.Length > 0 && operation.Method is not "HEAD")
            content[Problem.MediaType] = ProblemAnswers.Content(problems, _schemas);
        var made = new JsonObject
        {
            ["description"] = string.Join(
                "\n\n",
                from text in (string[])[answer?.Description ?? "", ProblemAnswers.Describe(problems)]
                where text.Length > 0
                select text),
        };
        if (headers.Length > 0)
            made["headers"] = new JsonObject(headers.Distinct().Select(Refer));
        if (content.Count > 0)
            made["content"] = content;
        return made;
    }

    private JsonObject Of(ImmutableArray<Content> contents) =>
        new(contents.Select(content => Named(content.MediaType, Of(content))));

    private JsonObject Of(Content content)
    {
        var made = new JsonObject();
        var isText = content.Types is [var only] && only == typeof(string);
        JsonObject[] schemas = isText
            ? [new JsonObject { ["type"] = "string" }]
            : [.. content.Types.Select(_schemas.Refer)];
        if (schemas.Length > 0)
            made["schema"] = schemas is [var one] ? one : new JsonObject { ["anyOf"] = new JsonArray([.. schemas]) };
        if (content.Example is { } example)
            made["example"] = isText ? JsonValue.Create(example) : JsonNode.Parse(example);
        return made;
    }

    private JsonNode Refer(Parameter parameter)
    {
        if (_parameters.TryGetValue(parameter.Id, out var known) && known != parameter)
            throw new InvalidOperationException($"Two parameters are called {parameter.Id}.");
        _parameters[parameter.Id] = parameter;
        return new JsonObject { ["$ref"] = $"#/components/parameters/{parameter.Id}" };
    }

    private KeyValuePair<string, JsonNode?> Refer(Header header)
    {
        if (_headers.TryGetValue(header.Id, out var known) && known.Description != header.Description)
            throw new InvalidOperationException($"Two headers are called {header.Id}.");
        _headers[header.Id] = header;
        return new(header.Name, new JsonObject { ["$ref"] = $"#/components/headers/{header.Id}" });
    }

    private static JsonObject Of(Parameter parameter)
    {
        var schema = parameter.Schema();
        var made = new JsonObject
        {
            ["name"] = parameter.Name,
            ["in"] = parameter.In,
            ["description"] = parameter.Description,
            ["required"] = parameter.In is "path",
            ["schema"] = schema,
        };
        if (parameter.IsBare)
            made["allowEmptyValue"] = true;
        else if (parameter.Example.Length > 0)
            made["example"] = Example(schema, parameter.Example);
        return made;
    }

    private static JsonObject Of(Header header)
    {
        var schema = header.Schema();
        return new JsonObject
        {
            ["description"] = header.Description,
            ["schema"] = schema,
            ["example"] = Example(schema, header.Example),
        };
    }

    private static JsonNode? Example(JsonObject schema, string text) => schema["type"]!.GetValue<string>() switch
    {
        "string" => JsonValue.Create(text),
        _ => JsonNode.Parse(text),
    };
}
