using KvStore.Verification;

namespace KvStore.Cli.Chaos.Load;

/// <summary>Reads, writes and deletes single keys; every other write has a request id.</summary>
internal sealed class RegisterLoad(KeyPool keys) : ILoad
{
    public IEnumerable<string> Keys => keys.Names;

    public static ILoad Over(string prefix, int keys) => new RegisterLoad(new KeyPool(prefix, keys));

    public Task ActAsync(ClientSession client)
    {
        var (kind, condition) = Draw(client.Random);
        var isWrite = kind is OperationKind.Put or OperationKind.Delete;
        var slot = keys.Take(client.Random, isWrite);
        var operation = client.Begin(kind, slot.Key) with
        {
            IfMatch = condition == Condition.Match ? slot.Etag : null,
            IfNone = condition == Condition.Absent ? "*" : null,
        };
        var requestId = isWrite && client.Random.Next(2) == 0 ? client.NextRequestId() : null;
        return client.EndAsync(operation, requestId, (keys, slot));
    }

    private static (OperationKind Kind, Condition Condition) Draw(Random random) => random.Next(100) switch
    {
        < 35 => (OperationKind.Get, Condition.None),
        < 40 => (OperationKind.GetEventual, Condition.None),
        < 60 => (OperationKind.Put, Condition.None),
        < 78 => (OperationKind.Put, Condition.Match),
        < 90 => (OperationKind.Put, Condition.Absent),
        < 96 => (OperationKind.Delete, Condition.None),
        _ => (OperationKind.Delete, Condition.Match),
    };

    private enum Condition
    {
        None,
        Match,
        Absent,
    }
}
