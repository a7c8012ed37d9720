using KvStore.Verification;

namespace KvStore.Cli.Chaos.Load;

/// <summary>
/// Races: through every door at once, a write under the same condition, every other one as a transaction. A version
/// has one successor, so one of those who demand it may win. That there is none may be true again, once the winner's
/// value was deleted: who may win then, the order of all answers alone tells.
/// </summary>
internal sealed class RaceLoad(KeyPool keys) : ILoad
{
    public IEnumerable<string> Keys => keys.Names;

    public static ILoad Over(string prefix, int keys) => new RaceLoad(new KeyPool($"{prefix}race/", keys));

    public async Task ActAsync(ClientSession client)
    {
        var contenders = client.ForkToEveryDoor();
        var slot = keys.Take(client.Random, isWrite: true, contenders.Length);
        var version = slot.Etag;
        var ends = contenders.Select((contender, at) =>
        {
            var operation = at % 2 == 0 ? Write(contender, slot.Key, version) : Transact(contender, slot.Key, version);
            return contender.EndAsync(operation, client.NextRequestId(), (keys, slot));
        });
        var results = await Task.WhenAll(ends).ConfigureAwait(false);
        if (version is not null)
            client.RaceIsOver(slot.Key, results.Count(result => result == OperationResult.Ok));
        if (version == slot.Etag)
            slot.Etag = null;    // nobody knows what is there; the next to demand that it is absent is told
    }

    private static HistoryOperation Write(ClientSession client, string key, string? version)
    {
        var isDelete = version is not null && client.Random.Next(8) == 0;
        return client.Begin(isDelete ? OperationKind.Delete : OperationKind.Put, key) with
        {
            IfMatch = version,
            IfNone = version is null ? "*" : null,
        };
    }

    private static HistoryOperation Transact(ClientSession client, string key, string? version) =>
        client.Begin(OperationKind.Txn, key) with
        {
            If =
            [
                new OperationStep
                {
                    Op = OperationKind.Get,
                    Key = key,
                    IfMatch = version,
                    IfNone = version is null ? "*" : null,
                },
            ],
            Ops = [new OperationStep { Op = OperationKind.Put, Key = key, Value = client.NextValue() }],
        };
}
