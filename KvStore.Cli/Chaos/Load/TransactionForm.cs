using System.Text.Json;
using System.Text.Json.Nodes;
using KvStore.Contracts;
using KvStore.Verification;

namespace KvStore.Cli.Chaos.Load;

/// <summary>Transactions and increments as the API has them. What a transaction puts are numbers, as JSON.</summary>
internal static class TransactionForm
{
    private const string IncrementType = "application/vnd.kvstore.increment+json";

    /// <summary>Where transactions go.</summary>
    public static string Target { get; } =
        Routes.Transaction.Replace("{bucket}", BucketName.Default, StringComparison.Ordinal);

    public static WrittenContent IncrementBody(HistoryOperation operation) =>
        new(new JsonObject { ["by"] = operation.By, ["initial"] = 0 }.ToJsonString(), IncrementType);

    public static WrittenContent BodyOf(HistoryOperation operation)
    {
        var body = new JsonObject
        {
            ["if"] = new JsonArray([.. (operation.If ?? []).Select(Comparison)]),
            ["then"] = new JsonArray([.. (operation.Ops ?? []).Select(Step)]),
            ["else"] = new JsonArray([.. (operation.Else ?? []).Select(Step)]),
        };
        return new WrittenContent(body.ToJsonString(), "application/json");
    }

    /// <summary>What a transaction that was carried out came to.</summary>
    public static Attempt Read(HistoryOperation operation, byte[] body)
    {
        using var document = JsonDocument.Parse(body);
        var succeeded = document.RootElement.GetProperty("succeeded").GetBoolean();
        var asked = (succeeded ? operation.Ops : operation.Else) ?? [];
        var steps = asked.Zip(document.RootElement.GetProperty("results").EnumerateArray(), Told);
        return new Attempt(OperationResult.Ok, 200)
        {
            Succeeded = succeeded,
            Steps = [.. steps.OfType<OperationStep>()],
        };
    }

    /// <summary>A value as histories write it.</summary>
    public static string? TextOf(JsonElement value) =>
        value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText();

    /// <summary>
    /// What was told of a step; null when nothing was: an answer that is given again does not repeat the values that
    /// were replaced since.
    /// </summary>
    private static OperationStep? Told(OperationStep step, JsonElement item)
    {
        var etag = item.TryGetProperty("etag", out var version) ? version.GetString() : null;
        string? value = item.TryGetProperty("value", out var held) ? TextOf(held) : null;
        if (step.Op != OperationKind.Get)
            return step with { Value = value ?? step.Value, Etag = etag };
        if (item.GetProperty("status").GetInt32() == 404)
            return step with { Found = false };
        return value is null ? null : step with { Found = true, Value = value, Etag = etag };
    }

    private static JsonNode Comparison(OperationStep step)
    {
        var node = new JsonObject { ["key"] = step.Key };
        if (step.Value is { } value)
            node["value"] = JsonNode.Parse(value);
        else if (step.IfMatch is { } etag)
            node["etag"] = etag;
        else
            node["exists"] = false;
        return node;
    }

    private static JsonNode Step(OperationStep step)
    {
        var node = new JsonObject { ["op"] = NameOf(step.Op), ["key"] = step.Key };
        if (step.Op == OperationKind.Put)
            node["value"] = JsonNode.Parse(step.Value!);
        if (step.By is { } by)
            node["by"] = by;
        return node;
    }

    private static string NameOf(OperationKind kind) => kind switch
    {
        OperationKind.Get => "get",
        OperationKind.Put => "put",
        OperationKind.Delete => "delete",
        _ => "increment",
    };
}
