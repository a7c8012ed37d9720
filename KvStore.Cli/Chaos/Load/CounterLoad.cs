using KvStore.Verification;

namespace KvStore.Cli.Chaos.Load;

/// <summary>Adds to numbers. Every increment has a request id: sent again, it must not count again.</summary>
internal sealed class CounterLoad(KeyPool keys) : ILoad
{
    private const int Counters = 3;

    public IEnumerable<string> Keys => keys.Names;

    public static ILoad Over(string prefix, int keys) =>
        new CounterLoad(new KeyPool($"{prefix}counter/", Math.Min(keys, Counters)));

    public Task ActAsync(ClientSession client)
    {
        var isWrite = client.Random.Next(5) != 0;
        var slot = keys.Take(client.Random, isWrite);
        var operation = client.Begin(isWrite ? OperationKind.Increment : OperationKind.Get, slot.Key) with
        {
            By = isWrite ? client.Random.Next(1, 4) : null,
        };
        return client.EndAsync(operation, isWrite ? client.NextRequestId() : null, (keys, slot));
    }
}
