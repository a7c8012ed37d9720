using System.Collections.Concurrent;
using System.Globalization;
using KvStore.Verification;

namespace KvStore.Cli.Chaos.Load;

/// <summary>
/// Moves units between the accounts of a bank, and reads all of them at once. Half of the accounts are in one
/// partition, the others anywhere; so are the transfers.
/// </summary>
internal sealed class TransferLoad(KeyPool banks) : ILoad
{
    public const int Units = 100;

    private const int Accounts = 10;
    private const int Near = Accounts / 2;

    private readonly ConcurrentDictionary<string, OperationStep> _seen = new(StringComparer.Ordinal);

    public IEnumerable<string> Keys => banks.Names.SelectMany(AccountsOf);

    public static ILoad Over(string prefix, int keys) => new TransferLoad(new KeyPool($"{prefix}bank/", 1));

    public async Task ActAsync(ClientSession client)
    {
        var isWrite = client.Random.Next(4) != 0;
        var bank = banks.Take(client.Random, isWrite);
        string[] accounts = [.. AccountsOf(bank.Key)];
        var operation = isWrite ? Draw(client, accounts) : Snapshot(client, accounts);
        var requestId = client.Random.Next(2) == 0 ? client.NextRequestId() : null;
        await client.EndAsync(operation, requestId, (banks, bank), Learn).ConfigureAwait(false);

        void Learn(HistoryOperation told)
        {
            var steps = (told.Succeeded == true ? told.Ops : told.Else) ?? [];
            foreach (var step in steps)
                _seen[step.Key] = step;
            if (!isWrite && told is { Result: OperationResult.Ok, Ops: { Count: Accounts } all })
                client.SumIs(all, Accounts * Units);    // an answer that is given again may lack some
        }
    }

    /// <summary>Those that share what is hashed of their names are together.</summary>
    private static IEnumerable<string> AccountsOf(string bank) => Enumerable.Range(0, Accounts).Select(account =>
        string.Create(CultureInfo.InvariantCulture, $"{bank}/{(account < Near ? $"{{{bank}}}" : "")}{account}"));

    private HistoryOperation Draw(ClientSession client, string[] accounts)
    {
        var random = client.Random;
        if (!accounts.All(_seen.ContainsKey))
            return Snapshot(client, accounts);
        if (accounts.Any(account => _seen[account].Value is null))
            return Open(client, accounts);
        var among = random.Next(2) == 0 ? Near : Accounts;
        var at = random.Next(among);
        var (from, to) = (accounts[at], accounts[(at + random.Next(1, among)) % among]);
        var amount = random.Next(1, 10);
        return random.Next(5) switch
        {
            < 2 => Compared(client, from, to, amount, seen => Step(OperationKind.Get, seen.Key) with
            {
                IfMatch = seen.Etag,
            }),
            < 3 => Compared(client, from, to, amount, seen => Step(OperationKind.Get, seen.Key) with
            {
                Value = seen.Value,
            }),
            _ => client.Begin(OperationKind.Txn, from) with { Ops = [Add(from, -amount), Add(to, amount)] },
        };
    }

    /// <summary>Rests on what was seen of both accounts; if that is over, what is there instead is read.</summary>
    private HistoryOperation Compared(
        ClientSession client, string from, string to, long amount, Func<OperationStep, OperationStep> compare)
    {
        var (one, other) = (_seen[from], _seen[to]);
        return client.Begin(OperationKind.Txn, from) with
        {
            If = [compare(one), compare(other)],
            Ops = [Put(from, NumberOf(one) - amount), Put(to, NumberOf(other) + amount)],
            Else = client.Random.Next(4) == 0 ? null : [Step(OperationKind.Get, from), Step(OperationKind.Get, to)],
        };
    }

    private static HistoryOperation Open(ClientSession client, string[] accounts) =>
        client.Begin(OperationKind.Txn, accounts[0]) with
        {
            If = [.. accounts.Select(account => Step(OperationKind.Get, account) with { IfNone = "*" })],
            Ops = [.. accounts.Select(account => Put(account, Units))],
            Else = [.. accounts.Select(account => Step(OperationKind.Get, account))],
        };

    private static HistoryOperation Snapshot(ClientSession client, string[] accounts) =>
        client.Begin(OperationKind.Txn, accounts[0]) with
        {
            Ops = [.. accounts.Select(account => Step(OperationKind.Get, account))],
        };

    private static long NumberOf(OperationStep seen) => long.Parse(seen.Value!, CultureInfo.InvariantCulture);

    private static OperationStep Step(OperationKind kind, string key) => new() { Op = kind, Key = key };

    private static OperationStep Add(string key, long by) => Step(OperationKind.Increment, key) with { By = by };

    private static OperationStep Put(string key, long number) => Step(OperationKind.Put, key) with
    {
        Value = number.ToString(CultureInfo.InvariantCulture),
    };
}
