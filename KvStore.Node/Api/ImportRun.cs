using System.Text;
using KvStore.Contracts;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Node.Transactions;

namespace KvStore.Node.Api;

/// <summary>
/// One import under way: reads lines, and stores them batch by batch, the next when the last is done with. So it holds
/// a line and a batch, and at every moment it is known to which line everything is done.
/// </summary>
internal sealed class ImportRun(
    ImportCall call,
    OperationRules rules,
    ClusterView view,
    ClusterBatches batches,
    IPartitions partitions,
    HopIds ids,
    TimeProvider time)
{
    /// <summary>Bytes of values after which a batch takes no other line.</summary>
    private const int BatchBytes = 512 << 10;

    private const int MaxRefusals = 100;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly ImportLineReader _reader =
        new(rules, view.Ring, partition => NowMs(partitions, time, partition), call.IsCreate);

    private readonly List<(long Line, Operation.Put Put)> _batch = [];
    private readonly List<ImportRefusal> _refusals = [];
    private long _line = call.FirstLine - 1;
    private long _done = call.FirstLine - 1;
    private long _bytes;
    private long _applied;
    private long _existing;
    private long _expired;
    private long _refused;
    private long _entries;
    private bool _isCounted = call.FirstLine == 1;    // else nobody knows how many entries are before the first line
    private bool _hasEnd;

    /// <summary>What came of it so far.</summary>
    public ImportResponse SoFar => new()
    {
        Lines = _done,
        Applied = _applied,
        Existing = _existing,
        Expired = _expired,
        Refused = _refused,
        Refusals = [.. _refusals],
        End = _hasEnd,
    };

    /// <summary>
    /// The most bytes of a line: a value takes three times its bytes at most, as an export writes it.
    /// </summary>
    public static int MaxLineBytes(ApiOptions options) => 3 * options.MaxValueBytes + (64 << 10);

    /// <summary>How many bytes an import holds at once: a line, what was read of it, and a batch with it.</summary>
    public static long BytesHeld(ApiOptions options) =>
        MaxLineBytes(options) + 2L * options.MaxValueBytes + 2 * BatchBytes;

    /// <summary>Reads and stores all lines.</summary>
    /// <param name="body">The lines.</param>
    /// <param name="options">The limits.</param>
    /// <param name="isStopping">Whether the node ends: then no other batch is begun.</param>
    /// <param name="aborted">Cancelled when nobody waits any more.</param>
    /// <returns>Null when all was done; else what kept it from that, after all before was done.</returns>
    public async ValueTask<Refusal?> RunAsync(
        Stream body, ApiOptions options, Func<bool> isStopping, CancellationToken aborted)
    {
        var lines = new LineReader(body, MaxLineBytes(options));
        try
        {
            while (await lines.NextAsync(aborted) is { } line)
            {
                _line++;
                var wrong = Take(line);
                if (wrong is null && _batch.Count < CommandFormat.MaxOperations && _bytes < BatchBytes)
                    continue;
                var failure = await StoreAsync(wrong is null ? _line : _line - 1, aborted);
                if ((failure ?? wrong) is { } end)
                    return end;
                if (isStopping())
                    return Problems.Draining with { Detail = "The node is stopping." };
            }
        }
        catch (IOException broken) when (!aborted.IsCancellationRequested)
        {
            var isSlow = broken is BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout };
            return await StoreAsync(_line, aborted) ?? new Refusal(
                ProblemType.BodyInvalid,
                isSlow ? "The body came too slowly." : "The body did not arrive as its headers announced it.");
        }

        return await StoreAsync(_line, aborted) ?? (lines.IsTooLong
            ? new Refusal(
                ProblemType.ValueTooLarge, $"Line {_line + 1}: a line may have {MaxLineBytes(options)} bytes.")
            : null);
    }

    /// <summary>The partition's time, as well as this node knows it: of one that it has no copy of, its own.</summary>
    private static long NowMs(IPartitions partitions, TimeProvider time, PartitionId partition) =>
        partitions.NowMs(partition) is > 0 and var now ? now : time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Puts a line into the batch, or counts it.</summary>
    private Refusal? Take(ReadOnlyMemory<byte> bytes)
    {
        if (_reader.Read(bytes, out var line) is { } wrong)
            return new Refusal(ProblemType.BodyInvalid, $"Line {_line}: {wrong}");
        if (line.Kind is ImportLineKind.Mark)
            return null;
        _hasEnd = false;
        if (line.Kind is ImportLineKind.End)
            return TakeEnd(line.Count);
        _entries++;
        if (line.Kind is ImportLineKind.Expired)
            _expired++;
        else if ((line.Refusal ?? rules.Judge(line.Put!)) is { } refusal)
            Refuse(_line, line.Put!, refusal);
        else
            Add(line.Put!);
        return null;
    }

    /// <summary>After it another export may follow.</summary>
    private Refusal? TakeEnd(long count)
    {
        var (isWhole, came) = (!_isCounted || _entries == count, _entries);
        _hasEnd = _isCounted && isWhole;
        (_entries, _isCounted) = (0, true);
        return isWhole
            ? null
            : new Refusal(
                ProblemType.BodyInvalid,
                $"Line {_line}: it says that {count} entries were exported, and {came} came. All that came are done.");
    }

    private void Add(Operation.Put put)
    {
        _batch.Add((_line, put));
        _bytes += put.Key.Length + put.Value.Length + put.Metadata.Length;
    }

    private void Refuse(long line, Operation.Put put, Refusal refusal)
    {
        _refused++;
        if (_refusals.Count < MaxRefusals)
        {
            _refusals.Add(new ImportRefusal(
                line, Encoding.UTF8.GetString(put.Key.Span), refusal.Type.Code, refusal.Detail));
        }
    }

    /// <summary>Stores the batch, again and again what is refused for the moment only.</summary>
    /// <param name="last">The line to which everything is done then.</param>
    /// <param name="aborted">Cancelled when nobody waits any more.</param>
    private async ValueTask<Refusal?> StoreAsync(long last, CancellationToken aborted)
    {
        using var timer = new CancellationTokenSource(call.Timeout, time);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, aborted);
        for (List<(long Line, Operation.Put Put)> left = [.. _batch]; left.Count > 0;)
        {
            var items = new BatchItem[left.Count];
            var id = RequestIds.Of(idempotencyKey: null, ids.Next())!.Value;
            await batches.RunAsync(
                new Batch(
                    rules.Bucket.Id,
                    [.. left.Select(line => line.Put)],
                    Refused: [],
                    IsUntilFailure: false,
                    (partition, run) => RequestIds.OfPart(id, partition, run)),
                view.Ring,
                (at, item) => items[at] = item,
                deadline.Token);
            var failures = items.Zip(left).Select(pair => Count(pair.First, pair.Second)).ToList();
            aborted.ThrowIfCancellationRequested();
            if (Worst(failures) is { } failure
                && (failure.Type != ProblemType.Overloaded || deadline.IsCancellationRequested))
                return Failed(failure, last);
            left = [.. left.Where((_, at) => failures[at] is not null)];
            if (left.Count > 0)
                await Task.Delay(Pause, time, deadline.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        (_bytes, _done) = (0, last);
        _batch.Clear();
        return null;
    }

    /// <summary>Counts what became of a line.</summary>
    /// <returns>Null: it is done with; else what is wrong with the store.</returns>
    private Refusal? Count(BatchItem item, (long Line, Operation.Put Put) line)
    {
        if (item is not BatchItem.Answered { Result: var result })
            return Problems.OfMany(((BatchItem.NotWritten)item).Outcome, rules.ClusterId);
        if (result.Status is WriteStatus.VersionMismatch)
            _existing++;
        else if (Problems.From(result, rules.ClusterId) is { } refusal)
            Refuse(line.Line, line.Put, refusal);
        else
            _applied++;
        return null;
    }

    /// <summary>What may have been applied is told before what certainly was not.</summary>
    private static Refusal? Worst(IEnumerable<Refusal?> failures) => failures
        .OfType<Refusal>()
        .OrderByDescending(failure => failure.Applied)
        .ThenBy(failure => failure.Type == ProblemType.Overloaded)
        .FirstOrDefault();

    private Refusal Failed(Refusal failure, long last) => failure with
    {
        Detail = $"Not all lines from {_done + 1} to {last} are known to be stored; all before are done with.",
    };
}
