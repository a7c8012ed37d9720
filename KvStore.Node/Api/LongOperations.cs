using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>
/// What this node carries out beyond the request that asked for it. Each is known to this node alone: it ends with it,
/// and whoever asked begins again with what is left.
/// </summary>
internal sealed class LongOperations(
    INodeStatus node,
    IHostApplicationLifetime lifetime,
    CrashHook crash,
    TimeProvider time,
    ILogger<LongOperations> logger)
{
    /// <summary>Carried out at once; more are refused.</summary>
    public const int MaxRunning = 4;

    /// <summary>Ended ones that are told of still.</summary>
    public const int MaxEnded = 100;

    private const char Separator = '.';

    private readonly Lock _gate = new();
    private readonly List<LongOperation> _running = [];
    private readonly Queue<LongOperation> _ended = [];

    /// <summary>Begins something; null: too much is being carried out already, and nothing was begun.</summary>
    /// <param name="kind">What it is.</param>
    /// <param name="bucket">The bucket that it concerns.</param>
    /// <param name="progress">How far it has come.</param>
    /// <param name="run">Does it, until it is told to end; gives why it failed.</param>
    public LongOperation? TryStart(
        string kind, string bucket, RemovalProgress progress, Func<CancellationToken, ValueTask<Refusal?>> run)
    {
        var number = RandomIds.Number().ToString("x16", CultureInfo.InvariantCulture);
        var ends = CancellationTokenSource.CreateLinkedTokenSource(lifetime.ApplicationStopping);
        var operation = new LongOperation(
            $"{node.Name}{Separator}{number}", kind, bucket, progress, time.GetUtcNow(), ends.Cancel);
        lock (_gate)
        {
            if (_running.Count >= MaxRunning)
            {
                ends.Dispose();
                return null;
            }

            _running.Add(operation);
        }

        _ = Task.Run(() => RunAsync(operation, run, ends));
        return operation;
    }

    /// <summary>One of this node's.</summary>
    public bool TryFind(string id, [NotNullWhen(true)] out LongOperation? operation)
    {
        lock (_gate)
            operation = _running.Concat(_ended).FirstOrDefault(known => known.Id == id);
        return operation is not null;
    }

    /// <summary>The node that carries out what has this id; null when it is no id.</summary>
    public static string? OwnerOf(string id) =>
        id.LastIndexOf(Separator) is > 0 and var end
        && ulong.TryParse(id.AsSpan(end + 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _)
            ? id[..end]
            : null;

    private async Task RunAsync(
        LongOperation operation, Func<CancellationToken, ValueTask<Refusal?>> run, CancellationTokenSource ends)
    {
        using var owned = ends;
        try
        {
            var why = await run(ends.Token);
            End(operation, why is null ? "done" : "failed", why);
        }
        catch (OperationCanceledException) when (ends.IsCancellationRequested)
        {
            End(operation, "cancelled", why: null);
        }
        catch (InvariantBrokenException broken)
        {
            logger.OperationFailed(operation.Id, broken);
            crash.Crash(broken);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            logger.OperationFailed(operation.Id, failure);
            End(operation, "failed", Problems.Internal(isWrite: true));
        }
    }

    /// <summary>It goes behind all that have ended before, of which the first are forgotten.</summary>
    private void End(LongOperation operation, string state, Refusal? why)
    {
        operation.End(state, why, time.GetUtcNow());
        lock (_gate)
        {
            _running.Remove(operation);
            _ended.Enqueue(operation);
            if (_ended.Count > MaxEnded)
                _ended.Dequeue();
        }
    }
}

/// <summary>One of <see cref="LongOperations"/>.</summary>
internal sealed class LongOperation(
    string id, string kind, string bucket, RemovalProgress progress, DateTimeOffset started, Action cancel)
{
    private readonly Lock _gate = new();
    private string _state = "running";
    private DateTimeOffset? _ended;
    private Refusal? _why;

    public string Id => id;

    /// <summary>Has it end before its time; nothing of what is done is undone.</summary>
    public void Cancel()
    {
        lock (_gate)
        {
            if (_ended is null)
                cancel();
        }
    }

    /// <summary>It has ended: as <paramref name="state"/> says, and why where it failed.</summary>
    public void End(string state, Refusal? why, DateTimeOffset at)
    {
        lock (_gate)
            (_state, _why, _ended) = (state, why, at);
    }

    /// <summary>How far it has come.</summary>
    public OperationResponse Describe()
    {
        lock (_gate)
        {
            return new OperationResponse
            {
                Id = id,
                Kind = kind,
                Bucket = bucket,
                State = _state,
                Total = progress.Total,
                Deleted = progress.Removed,
                Changed = progress.Changed,
                Started = started,
                Ended = _ended,
                Code = _why?.Type.Code,
                Detail = _why?.Detail,
            };
        }
    }
}
