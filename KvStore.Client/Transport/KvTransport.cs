using System.Net;
using KvStore.Contracts;
using Polly;
using Polly.Retry;

namespace KvStore.Client.Transport;

/// <summary>
/// Sends calls: each to the node that it concerns, and again, elsewhere, until it is answered or its time is over. All
/// tries of a write carry one name, so that it is done once; one that has none is not sent again where it may be done.
/// </summary>
internal sealed class KvTransport : IDisposable
{
    private static readonly ResiliencePropertyKey<KvCall> Call = new(nameof(Call));
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromDays(1);
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(9);    // of the ten that a store keeps names for

    private readonly HttpClient _http;
    private readonly IRoutes _routes;
    private readonly ClientTelemetry? _telemetry;
    private readonly RetryBudget _budget;
    private readonly TimeSpan _attemptTimeout;
    private readonly TimeProvider _time;
    private readonly ResiliencePipeline<KvAnswer> _retries;
    private volatile bool _isDisposed;

    public KvTransport(
        HttpClient http,
        IRoutes routes,
        ClientTelemetry? telemetry,
        RetryBudget budget,
        TimeSpan attemptTimeout,
        TimeProvider time)
    {
        (_http, _routes, _telemetry, _budget) = (http, routes, telemetry, budget);
        (_attemptTimeout, _time) = (attemptTimeout, time);
        _retries = new ResiliencePipelineBuilder<KvAnswer> { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions<KvAnswer>
            {
                MaxRetryAttempts = int.MaxValue,    // until its time is over
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = TimeSpan.FromMilliseconds(20),
                MaxDelay = TimeSpan.FromSeconds(1),
                ShouldHandle = retried => ValueTask.FromResult(IsWorthAnother(retried)),
                DelayGenerator = retried => ValueTask.FromResult(retried.Outcome.Result?.RetryAfter),
            })
            .Build();
    }

    /// <summary>Sends a call until it is answered.</summary>
    /// <returns>An answer that is no failure: success, 304, 404 and 412 are for the caller to tell apart.</returns>
    /// <exception cref="KvStoreException">It was refused, or its time is over.</exception>
    /// <exception cref="OperationCanceledException">The caller does not want it any more.</exception>
    public async Task<KvAnswer> SendAsync(KvCall call, CancellationToken cancellation)
    {
        if (call.Timeout <= TimeSpan.Zero || call.Timeout > LongestTimeout)
        {
            throw new ArgumentException(
                $"The timeout of a call must be more than 0 and at most a day, and is {call.Timeout}.");
        }

        _budget.Earn();
        using var span = _telemetry?.Begin(call, _routes.First);
        var startedAt = _time.GetTimestamp();
        try
        {
            var answer = await SendUntilAnsweredAsync(call, startedAt, cancellation).ConfigureAwait(false);
            _telemetry?.Learn(answer.Version);
            End(answer.Status, null);
            return answer;
        }
        catch (KvStoreException failure)
        {
            End(failure.Status, failure.Code ?? failure.Status?.ToString("D") ?? "unreachable");
            throw;
        }
        catch (Exception failure)
        {
            End(null, failure is OperationCanceledException ? "cancelled" : failure.GetType().FullName);
            throw;
        }

        void End(HttpStatusCode? status, string? error) => _telemetry?.End(
            call, call.Server ?? _routes.First, span, _time.GetElapsedTime(startedAt), status, error);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isDisposed = true;
        _http.Dispose();
    }

    private async Task<KvAnswer> SendUntilAnsweredAsync(KvCall call, long startedAt, CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(call.Timeout + call.Wait, _time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellation);
        var context = ResilienceContextPool.Shared.Get(ended.Token);
        context.Properties.Set(Call, call);
        Outcome<KvAnswer> last = default;
        try
        {
            var attempt = 0;
            var outcome = await _retries.ExecuteOutcomeAsync(
                async (_, _) =>
                {
                    if (attempt == 0 || await _budget.TrySpendAsync(ended.Token).ConfigureAwait(false))
                    {
                        var (wasInDoubt, sentAt) = (call.MayBeApplied, _time.GetTimestamp());
                        last = await TryAsync(call, attempt, startedAt, ended.Token, cancellation)
                            .ConfigureAwait(false);
                        call.Left = LeftOf(call, startedAt);
                        if (call.MayBeApplied && !wasInDoubt && call.Name is not null && !call.IsNameTimed)
                            EndInTime(patience, sentAt, call.Left);
                    }

                    attempt++;
                    return last;
                },
                context,
                this).ConfigureAwait(false);
            if (last.Result is { } answer && IsAnswer(call, answer))
                return answer;
            if (outcome.Exception is { } failure && !IsLoss(failure))
                outcome.ThrowIfException();    // such as that the client was disposed
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }

        cancellation.ThrowIfCancellationRequested();
        throw FailureOf(call, last);
    }

    private TimeSpan LeftOf(KvCall call, long startedAt) =>
        call.Timeout + call.Wait - _time.GetElapsedTime(startedAt);

    /// <summary>
    /// Ends the tries of a write that may be applied before the store forgets its name, and would apply it again.
    /// </summary>
    private void EndInTime(CancellationTokenSource patience, long sentAt, TimeSpan left)
    {
        var remembered = Remembered - _time.GetElapsedTime(sentAt);
        if (remembered < left)
            patience.CancelAfter(remembered);
    }

    /// <param name="call">The call.</param>
    /// <param name="attempt">Which try it is, from 0.</param>
    /// <param name="startedAt">When the call began.</param>
    /// <param name="ends">Ends the try.</param>
    /// <param name="given">The caller's own: that it gave up says nothing of the server.</param>
    private async Task<Outcome<KvAnswer>> TryAsync(
        KvCall call, int attempt, long startedAt, CancellationToken ends, CancellationToken given)
    {
        var left = LeftOf(call, startedAt);
        var isOnlyOne = call.IsWrite && call.Name is null;
        var whole = isOnlyOne || call.Timeout < _attemptTimeout ? call.Timeout : _attemptTimeout;
        var allowed = left < whole ? left : whole;
        if (allowed < TimeSpan.FromMilliseconds(1))
            allowed = TimeSpan.FromMilliseconds(1);
        using var patience = new CancellationTokenSource(allowed + call.Wait, _time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, ends);
        Uri? server = null;
        var begunAt = _time.GetTimestamp();
        try
        {
            server = await _routes.PickAsync(call, attempt, ended.Token).ConfigureAwait(false);
            call.Server = server;
            var told = KvTimeout.ForNextHop(allowed - _time.GetElapsedTime(begunAt), whole);
            using var request = call.ToRequest(
                server,
                told < KvTimeout.Max ? told : KvTimeout.Max,    // the store takes no more; a call may have a day
                left - call.Timeout);
            var answer = await ReadAsync(call, request, ended.Token).ConfigureAwait(false);
            _routes.Learn(call, server, answer);
            call.Session?.Learn(answer.One(KvHeaders.Session));
            if (IsAnswer(call, answer) && attempt > 0)
                _budget.Serve();
            if (!IsAnswer(call, answer))
                call.MayBeApplied |= call.IsWrite && answer.Problem is not { Applied: Applied.No };
            else if (call.IsPartial?.Invoke(answer) is true)
                call.MayBeApplied = true;
            call.Mend(answer.Problem);
            return Outcome.FromResult(answer);
        }
        catch (Exception failure) when (IsLoss(failure))
        {
            if (server is not null && !given.IsCancellationRequested)
                _routes.Doubt(server);
            call.MayBeApplied |= server is not null && call.IsSent;
            return Outcome.FromException<KvAnswer>(failure);
        }
    }

    private async Task<KvAnswer> ReadAsync(KvCall call, HttpRequestMessage request, CancellationToken cancellation)
    {
        var response = await ReachAsync(request, cancellation).ConfigureAwait(false);
        try
        {
            var done = call.IsWrite ? Applied.Unknown : Applied.No;
            var into = response.IsSuccessStatusCode ? call.Into?.Invoke(new KvAnswer(response, default, done)) : null;
            if (into is not null)
                await ValueReader.ReadIntoAsync(response.Content, into, cancellation).ConfigureAwait(false);
            ReadOnlyMemory<byte> body = into is not null || (call.IsStream && response.IsSuccessStatusCode)
                ? default
                : await response.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false);
            return new KvAnswer(response, body, done);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    /// <summary>Sends a request; whatever a handler throws, there was no answer.</summary>
    private async Task<HttpResponseMessage> ReachAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation)
                .ConfigureAwait(false);
        }
        catch (Exception failure) when (!IsLoss(failure) && !(_isDisposed && failure is ObjectDisposedException))
        {
            throw new HttpRequestException($"{failure.GetType().Name}: {failure.Message}", failure);
        }
    }

    /// <summary>Whether there was no answer, or not all of it.</summary>
    private static bool IsLoss(Exception failure) =>
        failure is HttpRequestException or OperationCanceledException or IOException;

    /// <summary>What a caller can tell apart; anything else is a failure.</summary>
    private static bool IsAnswer(KvCall call, KvAnswer answer) =>
        answer.IsSuccess
        || answer.Status is HttpStatusCode.NotModified or HttpStatusCode.PreconditionFailed
        || answer.Problem?.Code == call.Absence.Code;

    private static bool IsWorthAnother(RetryPredicateArguments<KvAnswer> tried)
    {
        if (tried.Context.CancellationToken.IsCancellationRequested)
            return false;
        tried.Context.Properties.TryGetValue(Call, out var call);
        if (call!.MayBeApplied && call.Name is null)
            return false;    // nothing would tell the store that it is the same one
        if (tried.Outcome.Result is not { } answer)
            return IsLoss(tried.Outcome.Exception!);
        if (call.Left - (answer.RetryAfter ?? TimeSpan.Zero) < KvTimeout.MarginOf(call.Timeout))
            return false;    // what was said now is worth more than a try that would hardly be answered in time
        if (IsAnswer(call, answer))
            return call.IsPartial?.Invoke(answer) is true;
        return answer.Problem is { } problem
            ? problem.Retryable || call.IsMended || (call.MayBeApplied && IsPassing(problem))
            : answer.Status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests
                or >= HttpStatusCode.BadGateway;    // what stands before a store says that nobody answers
    }

    /// <summary>
    /// Whether a refusal may give way to the first answer of a write that may be applied; not where its name is
    /// forgotten.
    /// </summary>
    private static bool IsPassing(Problem refusal) =>
        refusal.Applied == Applied.No && refusal.Code != ProblemType.IdempotencyExpired.Code;

    private static KvStoreException FailureOf(KvCall call, Outcome<KvAnswer> last)
    {
        var applied = call.MayBeApplied ? Applied.Unknown : Applied.No;
        if (last.Result is not { } answer)
        {
            var reason = last.Exception is null or OperationCanceledException
                ? "no answer in time"
                : last.Exception.GetBaseException().Message.TrimEnd('.');
            return new KvStoreException(
                $"The store{WhereOf(call)} cannot be reached: {reason}.{OutcomeOf(applied)}", applied, last.Exception);
        }

        using (answer)
        {
            return answer.Problem is { } problem
                ? new KvStoreException(problem, problem.Applied == Applied.No ? applied : problem.Applied)
                : new KvStoreException(
                    $"The answer{WhereOf(call)} was {answer.Status:D} ({answer.Status}) without a problem document: "
                        + $"the store does not serve, or it is none.{OutcomeOf(applied)}",
                    applied)
                {
                    Status = answer.Status,
                };
        }
    }

    private static string WhereOf(KvCall call) =>
        call.Server is { } server ? $" at {server.GetLeftPart(UriPartial.Authority)}" : "";

    private static string OutcomeOf(Applied applied) =>
        applied is Applied.Unknown ? " Whether the write was applied is not known." : "";
}
