using System.Diagnostics;
using System.Globalization;
using KvStore.Verification;

namespace KvStore.Cli.Chaos.Load;

/// <summary>
/// Sends one operation after the other, and writes down what it is told. One with a request id is sent again through
/// another door while its outcome is unknown or the answer is 503, and counts as one operation.
/// </summary>
internal sealed class ClientSession(
    HttpClient http, int home, IReadOnlyList<Door> doors, RoundLog log, ClientNumbers numbers, Random random)
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(3);

    /// <summary>An answer may be on its way, and the machine busy.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(3);

    private const int MaxAttempts = 3;
    private const int Unavailable = 503;

    private int _number = numbers.Next();

    public Random Random => random;

    public static HttpClient NewHttp() => new(
        new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, ConnectTimeout = Deadline })
    {
        Timeout = Deadline + Slack,
    };

    public string NextRequestId() => numbers.NextRequestId();

    /// <summary>A value that nobody else writes.</summary>
    public string NextValue() => numbers.NextValue();

    /// <summary>A client for every door, all to be used at once.</summary>
    public ClientSession[] ForkToEveryDoor() =>
        [.. doors.Select((_, at) => new ClientSession(http, at, doors, log, numbers, new Random(random.Next())))];

    public HistoryOperation Begin(OperationKind kind, string key) => new()
    {
        Client = _number,
        CallNs = RoundLog.NowNs,
        Op = kind,
        Key = key,
        Value = kind == OperationKind.Put ? numbers.NextValue() : null,
        Result = OperationResult.Unknown,
    };

    /// <summary>Sends an operation until its outcome is known, or no more may be sent; records it.</summary>
    /// <param name="operation">As it was begun.</param>
    /// <param name="requestId">Names it, so that it may be sent again.</param>
    /// <param name="taken">Where its key was taken from.</param>
    /// <param name="learn">Is given what was told.</param>
    public async Task<OperationResult> EndAsync(
        HistoryOperation operation,
        string? requestId,
        (KeyPool Pool, KeyPool.Slot Slot)? taken = null,
        Action<HistoryOperation>? learn = null)
    {
        var attempt = await SendAsync(doors[home], operation, requestId).ConfigureAwait(false);
        var most = requestId is null ? 1 : MaxAttempts;
        for (var sent = 1; IsWorthAnother(attempt) && sent < most; sent++)
        {
            var again = await SendAsync(doors[random.Next(doors.Count)], operation, requestId).ConfigureAwait(false);
            if (again.Result != OperationResult.Rejected || attempt.Result == OperationResult.Rejected)
                attempt = again;    // else it says nothing of those before
        }

        var told = Record(operation, attempt);
        learn?.Invoke(told);
        if (attempt.Result == OperationResult.Unknown)
            _number = numbers.Next();
        else if (taken is { } known && operation.IsWrite)
            known.Pool.Know(known.Slot);
        if (taken is { Slot: var slot } && attempt.LatestEtag is { } etag)
            slot.Etag = etag;
        return attempt.Result;
    }

    public void RaceIsOver(string key, int winners) => log.NoteRace(key, winners);

    /// <summary>All accounts were read at once.</summary>
    public void SumIs(IReadOnlyList<OperationStep> accounts, long units)
    {
        var open = accounts.Where(account => account.Value is not null).ToList();
        var sum = open.Sum(account => long.Parse(account.Value!, CultureInfo.InvariantCulture));
        if (open.Count != 0 && (open.Count != accounts.Count || sum != units))
            log.NoteOddity($"{open.Count} accounts beside {accounts[0].Key} held {sum} units at once, not {units}");
    }

    private static bool IsWorthAnother(Attempt attempt) =>
        attempt is { Result: OperationResult.Unknown } or { Result: OperationResult.Rejected, Status: Unavailable };

    private async Task<Attempt> SendAsync(Door door, HistoryOperation operation, string? requestId)
    {
        var calledAt = Stopwatch.GetTimestamp();
        var attempt = await Attempt.SendAsync(http, door, operation, requestId, Deadline).ConfigureAwait(false);
        var returnedAt = Stopwatch.GetTimestamp();
        var took = Stopwatch.GetElapsedTime(calledAt, returnedAt);
        var isLate = took >= Deadline + Slack && door.Node?.WasPausedBetween(calledAt, returnedAt) != true;
        log.Note(door, operation, attempt, took, isLate);
        return attempt;
    }

    private HistoryOperation Record(HistoryOperation operation, Attempt attempt)
    {
        var told = operation with
        {
            ReturnNs = attempt.Result == OperationResult.Unknown ? 0 : RoundLog.NowNs,
            Result = attempt.Result,
            Status = attempt.Result is OperationResult.Rejected or OperationResult.Unknown && attempt.Status != 0
                ? attempt.Status
                : null,
            Value = attempt.Value ?? operation.Value,
            Found = attempt.Found,
            Etag = attempt.Etag,
            Ops = attempt.Succeeded == true ? attempt.Steps : operation.Ops,
            Else = attempt.Succeeded == false ? attempt.Steps : operation.Else,
            Succeeded = attempt.Succeeded,
        };
        log.Record(told);
        return told;
    }
}
