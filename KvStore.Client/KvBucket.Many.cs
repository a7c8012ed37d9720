using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KvStore.Client.Transport;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>Batches and transactions.</summary>
public partial class KvBucket
{
    /// <summary>
    /// Sends up to 1000 operations at once; each is judged alone, those of one key in their order. While some are
    /// refused for the moment (<see cref="Problem.Retryable"/>) all are sent again under the batch's name, by which
    /// those that are done are not done twice, until the time is over. What is refused then, or not known, a caller
    /// repeats safely only as a whole, under an <see cref="KvWriteOptions.IdempotencyKey"/> of its own.
    /// </summary>
    /// <param name="operations">Adds them.</param>
    /// <param name="options">How; what concerns a value is not looked at.</param>
    /// <param name="cancellationToken">Ends the call; they may be done all the same.</param>
    /// <returns>What each came to, in their order.</returns>
    /// <exception cref="ArgumentException">It cannot be sent, or asks for another Ack than a majority's.</exception>
    /// <exception cref="KvStoreException">
    /// All were refused, or it is not known, or they cannot be done now: <c>Applied</c> tells.
    /// </exception>
    public async Task<ImmutableArray<KvItem>> BatchAsync(
        Action<KvOperations> operations,
        KvWriteOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(operations);
        var list = new KvOperations(_values);
        operations(list);
        var request = new BatchRequest([.. list.All]);
        var route = options is { StopsOnError: true } ? $"{Routes.Batch}?stop_on_error=true" : Routes.Batch;
        var call = ManyOf(route, "batch", request, ContractsJson.Default.BatchRequest, list.All, options);
        using var answer = await _transport.SendAsync(call, cancellationToken).ConfigureAwait(false);
        return ItemsOf(ResultsOf(answer));
    }

    /// <summary>A transaction, to be filled and committed.</summary>
    public KvTransaction Transaction() => new(this, _values);

    internal async Task<KvTransactionResult> TransactAsync(
        TransactionRequest request, KvWriteOptions? options, CancellationToken cancellation)
    {
        IReadOnlyList<OperationRequest> all = [.. request.Then ?? [], .. request.Else ?? []];
        var call = ManyOf(
            Routes.Transaction, "transaction", request, ContractsJson.Default.TransactionRequest, all, options);
        using var answer = await _transport.SendAsync(call, cancellation).ConfigureAwait(false);
        if (answer.Status == HttpStatusCode.PreconditionFailed)
            return new KvTransactionResult(false, [], [.. answer.Problem?.Failed ?? []]);
        var done = answer.Read(ContractsJson.Default.TransactionResponse);
        return new KvTransactionResult(done.Succeeded, ItemsOf(done.Results), []);
    }

    private KvCall ManyOf<T>(
        string route,
        string operation,
        T request,
        JsonTypeInfo<T> type,
        IReadOnlyList<OperationRequest> operations,
        KvWriteOptions? options)
    {
        if (options?.Ack is { } ack and not KvAck.Quorum)
            throw new ArgumentException($"A {operation} waits for a majority; Ack cannot be {ack}.", nameof(options));
        var call = new KvCall(HttpMethod.Post, In(route), operation)
        {
            Bucket = Name,
            Key = operations.Count > 0 ? BytesOf(operations[0].Key!) : default,
            BatchSize = operations.Count,
            Timeout = options?.Timeout ?? _settings.Timeout,
            Session = options?.Session ?? _settings.Session,
            IsWrite = true,
            Body = JsonSerializer.SerializeToUtf8Bytes(request, type),
            BodyType = "application/json",
            IsPartial = typeof(T) == typeof(BatchRequest) ? IsPartial : null,
        };
        AddName(call, options?.IdempotencyKey);
        return call;
    }

    private static ImmutableArray<ItemResponse> ResultsOf(KvAnswer answer) =>
        answer.Read(ContractsJson.Default.BatchResponse).Results;

    /// <summary>Whether some operations may be done soon; read only where the answer has that word at all.</summary>
    private static bool IsPartial(KvAnswer answer) =>
        answer.IsSuccess
        && answer.Body.Span.IndexOf("\"retryable\":true"u8) >= 0
        && ResultsOf(answer).Any(item => item.Problem is { Retryable: true });

    private ImmutableArray<KvItem> ItemsOf(ImmutableArray<ItemResponse> items) =>
        [.. items.Select(item => new KvItem(item, _values))];
}
