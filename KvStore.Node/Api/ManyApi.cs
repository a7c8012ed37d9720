using System.Collections.Immutable;
using KvStore.Contracts;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Buckets;
using KvStore.Node.Replication;
using KvStore.Node.Transactions;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Api;

/// <summary>Batches and transactions. Every node answers, by asking the partitions' primaries.</summary>
internal sealed partial class ManyApi(
    ManyCallReader reader,
    BucketDirectory directory,
    ClusterBatches batches,
    ClusterTransactions transactions,
    IClusterPartitions cluster,
    IPartitions partitions,
    INodeStatus node,
    Problems problems,
    AdmissionGate gate,
    CrashHook crash,
    IOptions<ApiOptions> options,
    TimeProvider time,
    ILogger<ManyApi> logger)
{
    /// <summary>Answers a batch.</summary>
    public Task AnswerBatchAsync(HttpContext context) => AnswerAsync(context, isBatch: true);

    /// <summary>Answers a transaction.</summary>
    public Task AnswerTransactionAsync(HttpContext context) => AnswerAsync(context, isBatch: false);

    private async Task AnswerAsync(HttpContext context, bool isBatch)
    {
        try
        {
            if (await HandleAsync(context, isBatch) is { } refusal)
                await problems.WriteAsync(context, refusal, default);
        }
        catch (InvariantBrokenException broken)
        {
            logger.InvariantBroken(problems.TraceId(), context.Request.Method, broken);
            crash.Crash(broken);
            throw;
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            context.Abort();
        }
        catch (Exception failure) when (failure is not OutOfMemoryException && !context.Response.HasStarted)
        {
            logger.RequestFailed(problems.TraceId(), context.Request.Method, failure);
            await problems.WriteAsync(context, Problems.Internal(isWrite: true), default);
        }
    }

    private async ValueTask<Refusal?> HandleAsync(HttpContext context, bool isBatch)
    {
        if (reader.Read(context, isBatch, out var call) is { } unread)
            return unread;
        var bytes = Math.Min(context.Request.ContentLength ?? BodyLimits.MaxManyBytes, BodyLimits.MaxManyBytes);
        if (!gate.TryEnter(bytes))
            return Problems.Overloaded with { ClosesConnection = true };
        try
        {
            var tooLarge = isBatch ? ProblemType.ValueTooLarge : ProblemType.TransactionTooLarge;
            if (await ManyCallReader.ReadBodyAsync(context, call!, tooLarge) is { } bad)
                return bad;
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
            using var timer = new CancellationTokenSource(call!.Head.Timeout, time);
            using var passes = timer.Token.UnsafeRegister(
                static source => ((CancellationTokenSource)source!).Cancel(), deadline);
            return await CarryOutAsync(context, call, isBatch, deadline.Token);
        }
        finally
        {
            gate.Leave(bytes);
        }
    }

    /// <summary>
    /// Finds the bucket and does it there; a second time, if there turns out to be another one of that name by now.
    /// </summary>
    private async ValueTask<Refusal?> CarryOutAsync(
        HttpContext context, ManyCall call, bool isBatch, CancellationToken deadline)
    {
        if (partitions.View is null)
            await partitions.ViewReadyAsync(deadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (partitions.View is not { } view)
            return Problems.NotReady;
        if (call.Session is { } session
            && (session.ClusterId != view.ClusterId || session.LastPartition >= view.Ring.PartitionCount))
            return Problems.SessionOfAnother;
        var lookup = await directory.FindAsync(call.Head.Name, deadline);
        for (BucketId? gone = null; ; lookup = await directory.FindAnewAsync(call.Head.Name, deadline))
        {
            if (lookup is not BucketLookup.Found { Bucket: var bucket })
                return lookup is BucketLookup.Absent ? Problems.BucketNotFound : Problems.BucketsUnreached;
            if (bucket.Id == gone)
                return Problems.BucketsUnreached;
            var rules = new OperationRules(view.ClusterId, bucket, options.Value.MaxValueBytes);
            var refusal = isBatch
                ? await BatchAsync(context, call, rules, view, deadline)
                : await TransactAsync(context, call, rules, view, deadline);
            if (!ReferenceEquals(refusal, Problems.BucketNotFound) || gone is not null)
                return refusal;
            gone = bucket.Id;    // nothing was applied there
        }
    }

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
        var answers = new ItemAnswer[items.Length];
        for (var at = 0; at < answers.Length; at++)
            answers[at] = AnswerOf(items[at], refused[at], rules.ClusterId);
        var isReplayed = (int at) => items[at] is BatchItem.Answered { IsReplay: true };
        await FillAsync(operations, answers, isReplayed, rules, view, room, deadline);
        using var body = new ItemAnswers(rules.ClusterId);
        body.WriteResults(operations, answers);
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
        ItemAnswer[] answers,
        Func<int, bool> isReplay,
        OperationRules rules,
        ClusterView view,
        AnswerRoom room,
        CancellationToken deadline)
    {
        var bare = Enumerable.Range(0, answers.Length)
            .Where(at => answers[at] is { Refusal: null, Result: { Status: WriteStatus.Found, Entry: null } })
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
                if (read.Items[at].Version == answers[places[at]].Result.Version)
                    answers[places[at]] = answers[places[at]] with { Result = room.Take(read.Items[at]) };
            }
        }
    }

    private async ValueTask SendAsync(
        HttpContext context, ManyCall call, ReadOnlyMemory<byte> body, bool isReplay, SessionToken session)
    {
        var response = context.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.Headers.CacheControl = "no-cache";
        response.Headers[KvHeaders.ServedBy] = node.Name;
        response.Headers[KvHeaders.RequestId] = problems.TraceId();
        response.Headers[KvHeaders.Session] = session.Format();
        if (isReplay && call.Head.IdempotencyKey is not null)
            response.Headers[KvHeaders.IdempotencyReplayed] = "true";
        response.ContentType = MediaTypes.Json;
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, context.RequestAborted);
    }
}
