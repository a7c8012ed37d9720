using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;
using KvStore.Contracts;

namespace KvStore.OpenApi;

/// <summary>
/// The records of the contracts as JSON schemas, made from what writes them. Each is described once, and what belongs
/// to others refers to it there.
/// </summary>
internal sealed class Schemas
{
    /// <summary>Records that stand on the wire with members that are null; all others leave these out.</summary>
    private static readonly HashSet<Type> WithNulls = [typeof(KeyListResponse), typeof(BucketSettings)];

    private readonly MemberDocs _docs = new();
    private readonly SortedDictionary<string, JsonNode> _made = new(StringComparer.Ordinal);
    private readonly Queue<Type> _left = new();
    private readonly HashSet<Type> _known = [];

    /// <summary>All that were referred to.</summary>
    public JsonObject Made()
    {
        while (_left.TryDequeue(out var type))
            _made.Add(type.Name, Make(type));
        return new JsonObject(_made.Select(made => KeyValuePair.Create<string, JsonNode?>(made.Key, made.Value)));
    }

    /// <summary>A reference to a record, which is described if it is not yet.</summary>
    public JsonObject Refer(Type type)
    {
        if (_known.Add(type))
            _left.Enqueue(type);
        return new JsonObject { ["$ref"] = $"#/components/schemas/{type.Name}" };
    }

    private JsonNode Make(Type type) => TypeInfo(type).GetJsonSchemaAsNode(new JsonSchemaExporterOptions
    {
        TreatNullObliviousAsNonNullable = true,
        TransformSchemaNode = (context, schema) => Transform(context, schema, type),
    });

    private static JsonTypeInfo TypeInfo(Type type) => ContractsJson.Default.GetTypeInfo(type)
        ?? throw new InvalidOperationException($"{type.Name} is none of the contracts.");

    private JsonNode Transform(JsonSchemaExporterContext context, JsonNode schema, Type root)
    {
        var type = Nullable.GetUnderlyingType(context.TypeInfo.Type) ?? context.TypeInfo.Type;
        var made = type != root && IsRecord(type) ? Refer(type)
            : schema as JsonObject ?? [];    // true: anything goes
        var isNullable = IsNullable(made) || (schema is JsonObject full && IsNullable(full));
        if (context.PropertyInfo is null || !WithNulls.Contains(context.PropertyInfo.DeclaringType))
            RefuseNull(made);
        if (type == typeof(ReadOnlyMemory<byte>))
            made["contentEncoding"] = "base64";
        if (type == typeof(long) || type == typeof(int))
            made["format"] = type == typeof(long) ? "int64" : "int32";
        if (type.IsEnum)
            made["type"] = "string";
        if (type == root && context.PropertyInfo is null)
            Describe(made, root);
        if (context.PropertyInfo is { } member)
        {
            made["description"] = _docs.Of(member.DeclaringType, member.Name);
            if (isNullable && !WithNulls.Contains(member.DeclaringType))
                made[Optional] = true;
        }

        return made;
    }

    /// <summary>Marks a member on its way to the record that has it, where the mark is taken away.</summary>
    private const string Optional = "x-optional";

    private void Describe(JsonObject schema, Type root)
    {
        schema["description"] = _docs.Of(root);
        if (schema["properties"] is not JsonObject properties)
            return;
        var required = new JsonArray();
        foreach (var (name, node) in properties)
        {
            var property = (JsonObject)node!;
            var isAlways = !property.Remove(Optional) && root != typeof(BucketSettings)
                && (property.ContainsKey("type") || property.ContainsKey("$ref"));
            if (isAlways)
                required.Add(name);
        }

        schema.Remove("required");
        if (required.Count > 0)
            schema["required"] = required;
    }

    private static bool IsRecord(Type type) =>
        type.Assembly == typeof(Problem).Assembly && !type.IsEnum;

    private static bool IsNullable(JsonObject schema) =>
        schema["type"] is JsonArray types && types.Any(type => type!.GetValue<string>() is "null");

    /// <summary>What may be null is left out instead.</summary>
    private static void RefuseNull(JsonObject schema)
    {
        if (schema["type"] is not JsonArray types)
            return;
        var rest = types.Select(type => type!.GetValue<string>()).Where(type => type is not "null").ToArray();
        schema["type"] = rest is [var only]
            ? JsonValue.Create(only)
            : new JsonArray([.. rest.Select(type => JsonValue.Create(type))]);
    }
}
