using System.Collections.Immutable;
using System.Text;
using KvStore.Contracts;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Transactions;

namespace KvStore.Node.Api;

/// <summary>Transactions: read, carried out, and what they came to as an answer.</summary>
internal sealed partial class ManyApi
{
    /// <summary>Comparisons and operations of a transaction, together.</summary>
    private const int MaxTransactionItems = 128;

    private async ValueTask<Refusal?> TransactAsync(
        HttpContext context, ManyCall call, OperationRules rules, ClusterView view, CancellationToken deadline)
    {
        if (ReadTransaction(call, rules, out var whole) is { } unread)
            return unread;
        var plan = TransactionPlan.Of(whole!, view.Ring);
        var result = await transactions.RunAsync(plan, call.RequestId, deadline);
        var session = call.Session ?? SessionToken.Empty(rules.ClusterId);
        foreach (var (partition, index) in result.Seen)
            session = index > LogIndex.Zero ? session.Seen(partition.Value, index.Value) : session;
        switch (result)
        {
            case TransactionResult.Done done:
                var operations = done.IsMet ? whole!.Then : whole!.Else;
                var room = new AnswerRoom();
                ItemAnswer[] results =
                [
                    .. done.Items.Select(room.Take).Select(item => new ItemAnswer(
                        RefusalOf(item, done.IsReplay, rules.ClusterId), item)),
                ];
                await FillAsync(operations, results, _ => done.IsReplay, rules, view, room, deadline);
                using (var body = new ItemAnswers(rules.ClusterId))
                {
                    body.WriteOutcome(done.IsMet, done.Version);
                    body.WriteResults(operations, results);
                    await SendAsync(context, call, body.End(), done.IsReplay, session);
                }

                return null;
            case TransactionResult.ComparesFailed failed:
                return Told(ComparesFailed(whole!, failed.Items, rules.ClusterId));
            case TransactionResult.OperationFailed failed:
                return Told(OperationFailed(whole!, failed.Items, rules.ClusterId));
            case TransactionResult.Refused refused:
                return Problems.OfMany(refused.Outcome, rules.ClusterId);
            default:
                return Problems.DeadlinePassed(mayBeApplied: true);
        }

        Refusal Told(Refusal refusal) => refusal with { Session = session.Format(), IsReplay = result.IsReplay };
    }

    private static Refusal? ReadTransaction(ManyCall call, OperationRules rules, out Command.Transaction? whole)
    {
        whole = null;
        string[] names = ["if", "then", "else"];
        if (ManyReader.Split(call.Head.Body, names, MaxTransactionItems, out var lists) is { } wrong)
            return new Refusal(ProblemType.BodyInvalid, wrong + " Nothing was applied.");
        var count = lists.Values.Sum(list => list.Count);
        if (count > MaxTransactionItems)
        {
            return new Refusal(
                ProblemType.TransactionTooLarge,
                $"A transaction has at most {MaxTransactionItems} comparisons and operations together; nothing was "
                    + "applied.");
        }

        if (count == 0)
            return new Refusal(ProblemType.BodyInvalid, "The transaction is empty. Nothing was applied.");
        var reader = new OperationReader(rules);
        var refusal = reader.Read("if", ListOf(lists, "if"), out ImmutableArray<Compare> compares);
        if (refusal is not null)
            return refusal;
        refusal = ReadBranch(reader, rules, "then", lists, out var then);
        if (refusal is not null)
            return refusal;
        refusal = ReadBranch(reader, rules, "else", lists, out var otherwise);
        whole = new Command.Transaction
        {
            Bucket = rules.Bucket.Id,
            If = compares,
            Then = then,
            Else = otherwise,
        };
        return refusal;
    }

    private static Refusal? ReadBranch(
        OperationReader reader,
        OperationRules rules,
        string name,
        Dictionary<string, List<ReadOnlyMemory<byte>>> lists,
        out ImmutableArray<Operation> operations)
    {
        if (reader.Read(name, ListOf(lists, name), out operations) is { } unread)
            return unread;
        var written = new HashSet<string>(StringComparer.Ordinal);
        for (var at = 0; at < operations.Length; at++)
        {
            var key = TextOf(operations[at].Key);
            if (operations[at] is not Operation.Get && !written.Add(key))
            {
                return new Refusal(
                    ProblemType.BodyInvalid,
                    $"{name}[{at}]: its key is written by an operation before it, too. Nothing was applied.");
            }

            if (rules.Judge(operations[at]) is { } refused)
            {
                return refused with
                {
                    Detail = $"{name}[{at}]: {refused.Detail}",
                    Failed = [new FailedItem(at, key, refused.Type.Code, CurrentEtag: null)],
                };
            }
        }

        return null;
    }

    private static List<ReadOnlyMemory<byte>> ListOf(
        Dictionary<string, List<ReadOnlyMemory<byte>>> lists, string name) => lists.GetValueOrDefault(name) ?? [];

    private static Refusal ComparesFailed(
        Command.Transaction whole, ImmutableArray<ItemResult> items, ulong clusterId)
    {
        var failed = items.Select((item, at) => (Item: item, At: at))
            .Where(compared => compared.Item.Status != WriteStatus.Found)
            .Select(compared => new FailedItem(
                compared.At,
                TextOf(whole.If[compared.At].Key),
                ProblemType.PreconditionFailed.Code,
                EtagOf(compared.Item, clusterId)))
            .ToList();
        return new Refusal(
            ProblemType.PreconditionFailed,
            "A comparison of the transaction does not hold, and there is nothing to do else; nothing was applied. "
                + "failed lists those that do not, by their places in if.")
        {
            Failed = failed,
        };
    }

    /// <summary>
    /// What is remembered of a transaction tells what became of the operations and not of which branch they were; only
    /// where one of both has so many is that known.
    /// </summary>
    private static Refusal OperationFailed(
        Command.Transaction whole, ImmutableArray<ItemResult> items, ulong clusterId)
    {
        var branch = whole.Then.Length == whole.Else.Length ? (ImmutableArray<Operation>?)null
            : items.Length == whole.Then.Length ? whole.Then
            : whole.Else;
        var failed = new List<FailedItem>();
        Refusal? first = null;
        for (var at = 0; at < items.Length; at++)
        {
            if (!items[at].IsFailure)
                continue;
            var refusal = Problems.From(items[at], clusterId)!;
            first ??= refusal;
            failed.Add(new FailedItem(
                at,
                branch is { } known ? TextOf(known[at].Key) : null,
                refusal.Type.Code,
                EtagOf(items[at], clusterId)));
        }

        return first! with
        {
            Detail = "An operation of the transaction cannot be done, so none of them was. failed lists which, by "
                + $"their places in the branch. Of the first: {first.Detail}",
            CurrentEtag = null,
            Failed = failed,
        };
    }

    private static string? EtagOf(ItemResult item, ulong clusterId) =>
        item.Version == KeyVersion.None ? null : Etags.Format(clusterId, item.Version);

    private static string TextOf(ReadOnlyMemory<byte> key) => Encoding.UTF8.GetString(key.Span);
}
