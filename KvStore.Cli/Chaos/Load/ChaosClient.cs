using System.Diagnostics;
using KvStore.Verification;

namespace KvStore.Cli.Chaos.Load;

/// <summary>
/// Asks one thing after the other and writes down what it was told. Every other write has a request id; such a write is
/// sent again through another door while its outcome is unknown, and counts as one operation.
/// </summary>
internal sealed class ChaosClient(
    int home, IReadOnlyList<Door> doors, KeyPool keys, RoundLog log, ClientNumbers numbers, Random random)
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(3);

    /// <summary>An answer may be on its way, and the machine busy.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(3);

    private const int MaxAttempts = 3;

    private int _number = numbers.Next();

    /// <summary>Works until it is told to stop; an operation that was begun is brought to its end.</summary>
    public async Task RunAsync(TimeSpan pace, CancellationToken stop)
    {
        using var http = NewHttp();
        while (!stop.IsCancellationRequested)
        {
            var startedAt = Stopwatch.GetTimestamp();
            await ActAsync(http).ConfigureAwait(false);
            var rest = (pace * (random.NextDouble() * 2)) - Stopwatch.GetElapsedTime(startedAt);
            if (rest > TimeSpan.Zero)
                await Task.Delay(rest, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Reads every key, each again and again until it has answered or patience with it ends.</summary>
    /// <returns>The keys that did not answer.</returns>
    public async Task<IReadOnlyList<string>> ReadAllAsync(IEnumerable<string> names, TimeSpan patience)
    {
        using var http = NewHttp();
        List<string> silent = [];
        foreach (var name in names)
        {
            var startedAt = Stopwatch.GetTimestamp();
            var read = Begin(OperationKind.Get, name);
            while (!await EndAsync(http, read, requestId: null).ConfigureAwait(false))
            {
                if (Stopwatch.GetElapsedTime(startedAt) > patience)
                {
                    silent.Add(name);
                    break;
                }

                read = Begin(OperationKind.Get, name);
            }
        }

        return silent;
    }

    private static HttpClient NewHttp() => new(
        new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, ConnectTimeout = Deadline })
    {
        Timeout = Deadline + Slack,
    };

    private async Task ActAsync(HttpClient http)
    {
        var (kind, condition) = Draw();
        var isWrite = kind is OperationKind.Put or OperationKind.Delete;
        var slot = keys.Take(random, isWrite);
        var operation = Begin(kind, slot.Key) with
        {
            IfMatch = condition == Condition.Match ? slot.Etag : null,
            IfNone = condition == Condition.Absent ? "*" : null,
        };
        var requestId = isWrite && random.Next(2) == 0 ? numbers.NextRequestId() : null;
        await EndAsync(http, operation, requestId, slot).ConfigureAwait(false);
    }

    private (OperationKind Kind, Condition Condition) Draw() => random.Next(100) switch
    {
        < 35 => (OperationKind.Get, Condition.None),
        < 40 => (OperationKind.GetEventual, Condition.None),
        < 60 => (OperationKind.Put, Condition.None),
        < 78 => (OperationKind.Put, Condition.Match),
        < 90 => (OperationKind.Put, Condition.Absent),
        < 96 => (OperationKind.Delete, Condition.None),
        _ => (OperationKind.Delete, Condition.Match),
    };

    private HistoryOperation Begin(OperationKind kind, string key) => new()
    {
        Client = _number,
        CallNs = RoundLog.NowNs,
        Op = kind,
        Key = key,
        Value = kind == OperationKind.Put ? numbers.NextValue() : null,
        Result = OperationResult.Unknown,
    };

    /// <summary>Sends an operation until its outcome is known, or no more may be sent; records it.</summary>
    private async Task<bool> EndAsync(
        HttpClient http, HistoryOperation operation, string? requestId, KeyPool.Slot? slot = null)
    {
        var attempt = await SendAsync(http, doors[home], operation, requestId).ConfigureAwait(false);
        var most = requestId is null ? 1 : MaxAttempts;
        for (var sent = 1; attempt.Result == OperationResult.Unknown && sent < most; sent++)
        {
            var again = await SendAsync(http, doors[random.Next(doors.Count)], operation, requestId)
                .ConfigureAwait(false);
            if (again.Result != OperationResult.Rejected)    // which says nothing of those before
                attempt = again;
        }

        Record(operation, attempt, slot);
        return attempt.Result is OperationResult.Ok or OperationResult.Fail;
    }

    private async Task<Attempt> SendAsync(HttpClient http, Door door, HistoryOperation operation, string? requestId)
    {
        var calledAt = Stopwatch.GetTimestamp();
        var attempt = await Attempt.SendAsync(http, door, operation, requestId, Deadline).ConfigureAwait(false);
        var returnedAt = Stopwatch.GetTimestamp();
        var took = Stopwatch.GetElapsedTime(calledAt, returnedAt);
        var isLate = took >= Deadline + Slack && door.Node?.WasPausedBetween(calledAt, returnedAt) != true;
        log.Note(door, operation, attempt, took, isLate);
        return attempt;
    }

    private void Record(HistoryOperation operation, Attempt attempt, KeyPool.Slot? slot)
    {
        var isUnknown = attempt.Result == OperationResult.Unknown;
        log.Record(operation with
        {
            ReturnNs = isUnknown ? 0 : RoundLog.NowNs,
            Result = attempt.Result,
            Status = attempt.Result is OperationResult.Rejected or OperationResult.Unknown && attempt.Status != 0
                ? attempt.Status
                : null,
            Value = operation.IsWrite ? operation.Value : attempt.Value,
            Found = attempt.Found,
            Etag = attempt.Etag,
        });
        if (attempt.Etag is not null && slot is not null)
            slot.Etag = attempt.Etag;
        if (isUnknown)
            _number = numbers.Next();
        else if (operation.IsWrite && slot is not null)
            keys.Know(slot);
    }

    private enum Condition
    {
        None,
        Match,
        Absent,
    }
}
