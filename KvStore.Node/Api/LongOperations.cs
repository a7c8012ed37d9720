using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using KvStore.Contracts;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>
/// What this node carries out beyond the request that asked for it. Each is known to this node alone: it ends with it,
/// and whoever asked begins again with what is left.
/// </summary>
internal sealed class LongOperations(
    INodeStatus node, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<LongOperations> logger)
{
    /// <summary>Carried out at once; more are refused.</summary>
    public const int MaxRunning = 4;

    /// <summary>Ended ones that are told of still.</summary>
    public const int MaxEnded = 100;

    private const char Separator = '.';

    private readonly Lock _gate = new();
    private readonly List<LongOperation> _known = [];

    /// <summary>Begins something; null: too much is being carried out already, and nothing was begun.</summary>
    /// <param name="kind">What it is.</param>
    /// <param name="bucket">The bucket that it concerns.</param>
    /// <param name="progress">How far it has come.</param>
    /// <param name="run">Does it, until it is told to end; gives why it failed.</param>
    public LongOperation? TryStart(
        string kind, string bucket, Removal progress, Func<CancellationToken, ValueTask<Refusal?>> run)
    {
        var number = RandomIds.Number().ToString("x16", CultureInfo.InvariantCulture);
        var ends = CancellationTokenSource.CreateLinkedTokenSource(lifetime.ApplicationStopping);
        var operation = new LongOperation(
            $"{node.Name}{Separator}{number}", kind, bucket, progress, time.GetUtcNow(), ends.Cancel);
        lock (_gate)
        {
            if (_known.Count(known => known.IsRunning) >= MaxRunning)
            {
                ends.Dispose();
                return null;
            }

            _known.Add(operation);
            if (_known.Count(known => !known.IsRunning) > MaxEnded)
                _known.Remove(_known.First(known => !known.IsRunning));
        }

        _ = Task.Run(() => RunAsync(operation, run, ends));
        return operation;
    }

    /// <summary>One of this node's.</summary>
    public bool TryFind(string id, [NotNullWhen(true)] out LongOperation? operation)
    {
        lock (_gate)
            operation = _known.Find(known => known.Id == id);
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
            operation.End(await run(ends.Token), time.GetUtcNow());
        }
        catch (OperationCanceledException) when (ends.IsCancellationRequested)
        {
            operation.End(null, time.GetUtcNow());
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            logger.OperationFailed(operation.Id, failure);
            operation.End(Problems.Internal(isWrite: true), time.GetUtcNow());
        }
    }
}

/// <summary>One of <see cref="LongOperations"/>.</summary>
internal sealed class LongOperation(
    string id, string kind, string bucket, Removal progress, DateTimeOffset started, Action cancel)
{
    private readonly Lock _gate = new();
    private (Refusal? Why, DateTimeOffset At)? _ended;

    public string Id => id;

    public bool IsRunning
    {
        get
        {
            lock (_gate)
                return _ended is null;
        }
    }

    /// <summary>Has it end before its time; nothing of what is done is undone.</summary>
    public void Cancel()
    {
        lock (_gate)
        {
            if (_ended is null)
                cancel();
        }
    }

    /// <summary>It has ended: by itself, since it was told to, or for a reason.</summary>
    public void End(Refusal? why, DateTimeOffset at)
    {
        lock (_gate)
            _ended = (why, at);
    }

    /// <summary>How far it has come.</summary>
    public OperationResponse Describe()
    {
        (Refusal? Why, DateTimeOffset At)? ended;
        lock (_gate)
            ended = _ended;
        var (removed, changed) = progress.SoFar;
        return new OperationResponse
        {
            Id = id,
            Kind = kind,
            Bucket = bucket,
            State = ended is null ? "running"
                : ended is { Why: not null } ? "failed"
                : removed + changed == progress.Total ? "done" : "cancelled",
            Total = progress.Total,
            Deleted = removed,
            Changed = changed,
            Started = started,
            Ended = ended?.At,
            Code = ended?.Why?.Type.Code,
            Detail = ended?.Why?.Detail,
        };
    }
}
