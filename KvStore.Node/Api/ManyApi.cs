using System.Collections.Immutable;
using KvStore.Contracts;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Node.Transactions;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Api;

/// <summary>Batches and transactions. Every node answers, by asking the partitions' primaries.</summary>
internal sealed partial class ManyApi(
    ManyCallReader reader,
    RequestShell shell,
    JsonAnswers answers,
    ClusterBatches batches,
    ClusterTransactions transactions,
    IClusterPartitions cluster,
    IOptions<ApiOptions> options)
{
    /// <summary>Answers a batch.</summary>
    public Task AnswerBatchAsync(HttpContext context) =>
        shell.RunAsync(context, "batch", () => HandleAsync(context, isBatch: true));

    /// <summary>Answers a transaction.</summary>
    public Task AnswerTransactionAsync(HttpContext context) =>
        shell.RunAsync(context, "transaction", () => HandleAsync(context, isBatch: false));

    private async ValueTask<Refusal?> HandleAsync(HttpContext context, bool isBatch)
    {
        if (reader.Read(context, isBatch, out var call) is { } unread)
            return unread;
        var bytes = Math.Min(context.Request.ContentLength ?? BodyLimits.MaxManyBytes, BodyLimits.MaxManyBytes);
        return await shell.AdmitAsync(context, bytes, async () =>
        {
            var tooLarge = isBatch ? ProblemType.ValueTooLarge : ProblemType.TransactionTooLarge;
            return await ManyCallReader.ReadBodyAsync(context, call!, tooLarge)
                ?? await shell.WithinAsync(
                    context, call!.Head.Timeout, deadline => CarryOutAsync(context, call, isBatch, deadline));
        });
    }

    private ValueTask<Refusal?> CarryOutAsync(
        HttpContext context, ManyCall call, bool isBatch, CancellationToken deadline) =>
        shell.InBucketAsync(
            call.Head.Name,
            async (view, bucket) =>
            {
                var partitions = view.Ring.PartitionCount;
                if (ConsistencyReader.CheckSession(call.Session, view.ClusterId, partitions) is { } foreign)
                    return foreign;
                var rules = new OperationRules(view.ClusterId, bucket, options.Value.MaxValueBytes);
                return isBatch
                    ? await BatchAsync(context, call, rules, view, deadline)
                    : await TransactAsync(context, call, rules, view, deadline);
            },
            deadline);

    private async ValueTask<Refusal?> BatchAsync(
        HttpContext context, ManyCall call, OperationRules rules, ClusterView view, CancellationToken deadline)
    {
        if (ManyReader.Split(call.Head.Body, ["ops"], CommandFormat.MaxOperations, out var lists) is { } wrong)
            return new Refusal(ProblemType.BodyInvalid, wrong + " Nothing was applied.");
        if (!lists.TryGetValue("ops", out var list) || list.Count is 0 or > CommandFormat.MaxOperations)
        {
            return new Refusal(
                ProblemType.BodyInvalid,
                $"A batch has 1 to {CommandFormat.MaxOperations} operations, in the list ops. Nothing was applied.");
        }

        if (new OperationReader(rules).Read("ops", list, out ImmutableArray<Operation> operations) is { } bad)
            return bad;
        var refused = operations.Select(rules.Judge).ToArray();
        var items = new BatchItem?[operations.Length];
        var room = new AnswerRoom();
        await batches.RunAsync(
            new Batch(
                rules.Bucket.Id,
                operations,
                [.. Enumerable.Range(0, refused.Length).Where(at => refused[at] is not null)],
                call.IsUntilFailure,
                (partition, run) => RequestIds.OfPart(call.RequestId, partition, run)),
            view.Ring,
            (at, item) => items[at] = item is BatchItem.Answered answered
                ? answered with { Result = room.Take(answered.Result) }
                : item,
            deadline);
        if (items.All(IsBucketGone))
            return Problems.BucketNotFound;
        var isReplay = items.OfType<BatchItem.Answered>().Any() && items.All(item => item
            is BatchItem.Answered { IsReplay: true } or null);
        var results = new ItemAnswer[items.Length];
        for (var at = 0; at < results.Length; at++)
            results[at] = AnswerOf(items[at], refused[at], rules.ClusterId);
        var isReplayed = (int at) => items[at] is BatchItem.Answered { IsReplay: true };
        await FillAsync(operations, results, isReplayed, rules, view, room, deadline);
        using var body = new ItemAnswers(rules.ClusterId);
        body.WriteResults(operations, results);
        var session = call.Session ?? SessionToken.Empty(rules.ClusterId);
        for (var at = 0; at < items.Length; at++)
        {
            if (items[at] is BatchItem.Answered { Index: var index } && index > LogIndex.Zero)
                session = session.Seen(view.Ring.PartitionOf(operations[at].Key.Span).Value, index.Value);
        }

        await SendAsync(context, call, body.End(), isReplay, session);
        return null;
    }

    private static bool IsBucketGone(BatchItem? item) => item
        is BatchItem.NotRead { Outcome: KeysOutcome.BucketGone }
        or BatchItem.NotWritten { Outcome: WriteOutcome.Committed { Result.Status: WriteStatus.BucketGone } };

    private static ItemAnswer AnswerOf(BatchItem? item, Refusal? refused, ulong clusterId) => item switch
    {
        null => new ItemAnswer(refused, default),
        BatchItem.Answered answered => new ItemAnswer(
            RefusalOf(answered.Result, answered.IsReplay, clusterId), answered.Result),
        BatchItem.NotWritten notWritten => new ItemAnswer(Problems.OfMany(notWritten.Outcome, clusterId), default),
        BatchItem.NotRead notRead => new ItemAnswer(Problems.From(notRead.Outcome), default),
        _ => new ItemAnswer(Problems.NotAttempted, default),
    };

    /// <summary>A replay names the version that was found; its value is not remembered.</summary>
    private static Refusal? RefusalOf(ItemResult result, bool isReplay, ulong clusterId) =>
        Problems.From(result, clusterId)
        ?? (result is { Status: WriteStatus.Found, Entry: null } && !isReplay ? Problems.AnswerTooLarge : null);

    /// <summary>
    /// Gives the answers of a replay their values again, where what was found then is stored still: a version has one
    /// value.
    /// </summary>
    private async ValueTask FillAsync(
        ImmutableArray<Operation> operations,
        ItemAnswer[] results,
        Func<int, bool> isReplay,
        OperationRules rules,
        ClusterView view,
        AnswerRoom room,
        CancellationToken deadline)
    {
        var bare = Enumerable.Range(0, results.Length)
            .Where(at => results[at] is { Refusal: null, Result: { Status: WriteStatus.Found, Entry: null } })
            .Where(isReplay)
            .GroupBy(at => view.Ring.PartitionOf(operations[at].Key.Span));
        foreach (var group in bare)
        {
            ImmutableArray<int> places = [.. group];
            var query = new KeysQuery(rules.Bucket.Id, [.. places.Select(at => operations[at].Key)]);
            if (await cluster.ReadKeysAsync(group.Key, query, deadline) is not KeysOutcome.Read read)
                continue;
            for (var at = 0; at < places.Length; at++)
            {
                if (read.Items[at].Version == results[places[at]].Result.Version)
                    results[places[at]] = results[places[at]] with { Result = room.Take(read.Items[at]) };
            }
        }
    }

    private ValueTask SendAsync(
        HttpContext context, ManyCall call, ReadOnlyMemory<byte> body, bool isReplay, SessionToken session)
    {
        context.Response.Headers[KvHeaders.Session] = session.Format();
        if (isReplay && call.Head.IdempotencyKey is not null)
            context.Response.Headers[KvHeaders.IdempotencyReplayed] = "true";
        return answers.SendAsync(context, body);
    }
}
