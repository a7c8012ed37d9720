using System.Collections.Immutable;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.State;
using KvStore.Node.Buckets;

namespace KvStore.Node.Api;

/// <summary>What the items of batches and transactions are judged by.</summary>
/// <param name="ClusterId">A tag of another cluster matches no version here.</param>
/// <param name="Bucket">Its settings count for each operation.</param>
/// <param name="MaxValueBytes">The most bytes of a value, whatever the bucket allows.</param>
internal sealed record OperationRules(ulong ClusterId, Bucket Bucket, int MaxValueBytes)
{
    /// <summary>The most bytes of a value in this bucket.</summary>
    public int ValueLimit => Math.Min(MaxValueBytes, Bucket.Settings.MaxValueBytes ?? MaxValueBytes);

    /// <summary>Why an operation must not happen here, however it is written; null when it may.</summary>
    public Refusal? Judge(Operation operation) => operation switch
    {
        Operation.Get => null,
        _ when Bucket.Settings.RequireConditionalWrites is true && operation.Condition is null =>
            Problems.PreconditionRequired,
        Operation.Put put when put.Value.Length > ValueLimit => new Refusal(
            ProblemType.ValueTooLarge, $"A value in this bucket may have {ValueLimit} bytes; it was not applied."),
        _ => null,
    };
}

/// <summary>Reads the items of batches and transactions.</summary>
internal sealed class OperationReader(OperationRules rules)
{
    private const string Shapes =
        "An operation is {\"op\": \"get\"}, put, delete, touch, increment or merge, with key or key64 and what that "
            + "takes.";

    /// <summary>Reads the operations of one list.</summary>
    /// <param name="name">What the list is called.</param>
    /// <param name="items">Its items.</param>
    /// <param name="operations">What was read.</param>
    /// <returns>Null when they were read; else why not.</returns>
    public Refusal? Read(
        string name, IReadOnlyList<ReadOnlyMemory<byte>> items, out ImmutableArray<Operation> operations)
    {
        var read = ImmutableArray.CreateBuilder<Operation>(items.Count);
        operations = [];
        for (var at = 0; at < items.Count; at++)
        {
            var wrong = ManyReader.ReadItem(items[at], element =>
            {
                var refusal = Read(element, out Operation? operation);
                if (operation is not null)
                    read.Add(operation);
                return refusal;
            });
            if (wrong is not null)
                return Wrong(name, at, wrong);
        }

        operations = read.DrainToImmutable();
        return null;
    }

    /// <summary>Reads the comparisons of a transaction.</summary>
    public Refusal? Read(
        string name, IReadOnlyList<ReadOnlyMemory<byte>> items, out ImmutableArray<Compare> compares)
    {
        var read = ImmutableArray.CreateBuilder<Compare>(items.Count);
        compares = [];
        for (var at = 0; at < items.Count; at++)
        {
            var wrong = ManyReader.ReadItem(items[at], element =>
            {
                var refusal = Read(element, out Compare? compare);
                if (compare is not null)
                    read.Add(compare);
                return refusal;
            });
            if (wrong is not null)
                return Wrong(name, at, wrong);
        }

        compares = read.DrainToImmutable();
        return null;
    }

    private static Refusal Wrong(string name, int at, string wrong) =>
        new(ProblemType.BodyInvalid, $"{name}[{at}]: {wrong} Nothing was applied.");

    private string? Read(JsonElement element, out Operation? operation)
    {
        operation = null;
        var members = new ItemMembers(element);
        var key = members.Key();
        var verb = members.Text("op");
        var (ttl, condition) = (members.Ttl(), members.Condition(rules.ClusterId));
        if (members.Wrong is null)
        {
            operation = verb switch
            {
                "get" when condition is null && ttl is null => new Operation.Get { Key = key },
                "put" => ReadPut(members, key, condition, ttl),
                "delete" when ttl is null => new Operation.Delete { Key = key, Condition = condition },
                "touch" when ttl is { } lives => new Operation.Touch { Key = key, Condition = condition, Ttl = lives },
                "increment" => new Operation.Increment
                {
                    Key = key,
                    Condition = condition,
                    By = members.Number("by") ?? 1,
                    Initial = members.Number("initial") ?? 0,
                    Ttl = ttl ?? Ttl.KeepOr(rules.Bucket.DefaultTtlMs),
                },
                "merge" => ReadMerge(members, key, condition, ttl),
                _ => null,
            };
        }

        return members.Wrong ?? (operation is null || members.HasMore ? Shapes : null);
    }

    private Operation.Put? ReadPut(ItemMembers members, ReadOnlyMemory<byte> key, Condition? condition, Ttl? ttl)
    {
        var (json, bytes, type) = (members.Raw("value"), members.Base64("base64"), members.ContentType());
        if (json is null ? bytes is null : bytes is not null || type is not null)
            return null;
        return new Operation.Put
        {
            Key = key,
            Condition = condition,
            Value = json ?? bytes!.Value,
            ContentType = json is null ? type ?? MediaTypes.Binary : MediaTypes.Json,
            Metadata = members.Metadata(),
            Ttl = ttl ?? (rules.Bucket.DefaultTtlMs is { } milliseconds ? Ttl.After(milliseconds) : Ttl.None),
        };
    }

    private Operation.Merge? ReadMerge(ItemMembers members, ReadOnlyMemory<byte> key, Condition? condition, Ttl? ttl)
    {
        if (members.Raw("patch") is not { } patch)
            return null;
        return new Operation.Merge
        {
            Key = key,
            Condition = condition,
            Patch = patch,
            MaxValueBytes = rules.ValueLimit,
            Ttl = ttl ?? Ttl.Keep,
        };
    }

    private string? Read(JsonElement element, out Compare? compare)
    {
        const string shape = "A comparison has key or key64, and one of etag, exists, version and value.";
        compare = null;
        var members = new ItemMembers(element);
        var key = members.Key();
        Condition?[] all =
        [
            members.Etag("etag", rules.ClusterId),
            members.Flag("exists") switch
            {
                true => new Condition.Exists(),
                false => new Condition.Absent(),
                null => null,
            },
            members.VersionIs(),
            members.Raw("value") is { } value ? new Condition.ValueIs(value) : null,
        ];
        if (members.Wrong is not null)
            return members.Wrong;
        if (members.HasMore || all.Count(condition => condition is not null) != 1)
            return shape;
        compare = new Compare(key, all.Single(condition => condition is not null)!);
        return null;
    }
}
