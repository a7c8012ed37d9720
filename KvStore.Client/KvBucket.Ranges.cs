using System.Globalization;
using System.Net;
using KvStore.Client.Transport;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>Removals of many keys.</summary>
public partial class KvBucket
{
    private static readonly TimeSpan LookPause = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Removes the keys of a range that are there when the removal begins, each in the version that it has then: what
    /// is written while they are removed stays. It begins where as many are there as were counted just before, else
    /// they are counted again. Unlike other writes it has no name, so it is not sent again where it may have been
    /// begun: it fails, and the caller decides. Returns when it is done, however long it takes; who gives it up does
    /// not end it. To empty a bucket, drop it.
    /// </summary>
    /// <param name="prefix">What the keys begin with; empty only beside a start or an end.</param>
    /// <param name="options">Which of them; their order, pages and delimiter are not looked at.</param>
    /// <param name="cancellationToken">Ends the call; keys may be removed all the same.</param>
    /// <returns>How many were removed.</returns>
    /// <exception cref="ArgumentException">The range has neither a prefix nor a start nor an end.</exception>
    /// <exception cref="KvStoreException">
    /// It cannot be done now, or its answer was lost, or others write so often in this range that no count holds
    /// (<c>precondition-failed</c>); <c>Applied</c> tells whether keys may have been removed, or still are.
    /// </exception>
    public async Task<long> DeleteRangeAsync(
        string prefix, KvListOptions? options = null, CancellationToken cancellationToken = default)
    {
        if (string.IsNullOrEmpty(prefix) && string.IsNullOrEmpty(options?.Start) && string.IsNullOrEmpty(options?.End))
            throw new ArgumentException("A range needs a prefix, a start or an end.", nameof(prefix));
        var startedAt = _time.GetTimestamp();
        var patience = options?.Timeout ?? Patience;
        while (await CountAsync(prefix, options, cancellationToken).ConfigureAwait(false) is > 0 and var count)
        {
            var range = Range(prefix, options).Append(CultureInfo.InvariantCulture, $"&confirm={count}");
            var call = new KvCall(HttpMethod.Delete, range.ToString(), "delete_range")
            {
                Bucket = Name,
                Timeout = patience,
                IsWrite = true,
            };
            using var answer = await RemoveAsync(call, cancellationToken).ConfigureAwait(false);
            if (answer.Status == HttpStatusCode.OK)
                return answer.Read(ContractsJson.Default.RangeDeleteResponse).Deleted;
            if (answer.Status == HttpStatusCode.Accepted)
            {
                var begun = answer.Read(ContractsJson.Default.OperationResponse);
                return await EndOfAsync(begun, cancellationToken).ConfigureAwait(false);
            }

            if (_time.GetElapsedTime(startedAt) > patience)
                throw new KvStoreException(answer.Problem ?? Problem.Of(ProblemType.PreconditionFailed), Applied.No);
        }

        return 0;
    }

    /// <summary>Removes once; what was done in part is not called done.</summary>
    private async Task<KvAnswer> RemoveAsync(KvCall call, CancellationToken cancellation)
    {
        try
        {
            return await _transport.SendAsync(call, cancellation).ConfigureAwait(false);
        }
        catch (KvStoreException failure) when (failure is { Applied: Applied.Yes, Problem: { } problem })
        {
            throw new KvStoreException(problem, Applied.Unknown);
        }
    }

    /// <summary>Waits until a removal that was begun is done.</summary>
    /// <returns>How many it removed.</returns>
    /// <exception cref="KvStoreException">It ended before, or what became of it cannot be told.</exception>
    private async Task<long> EndOfAsync(OperationResponse operation, CancellationToken cancellation)
    {
        var target = Routes.Operation.Replace("{id}", Uri.EscapeDataString(operation.Id), StringComparison.Ordinal);
        while (operation.State == "running")
        {
            await Task.Delay(LookPause, _time, cancellation).ConfigureAwait(false);
            operation = await LookAsync(target, cancellation).ConfigureAwait(false);
        }

        return operation.State == "done" ? operation.Deleted : throw new KvStoreException(
            $"The removal ended ({operation.State}) after {operation.Deleted} of {operation.Total} keys. "
                + operation.Detail,
            Applied.Unknown);
    }

    /// <summary>Looks how far a removal has come; that this fails does not end it.</summary>
    private async Task<OperationResponse> LookAsync(string target, CancellationToken cancellation)
    {
        try
        {
            var call = new KvCall(HttpMethod.Get, target, "operation") { Timeout = Patience };
            using var answer = await _transport.SendAsync(call, cancellation).ConfigureAwait(false);
            return answer.Read(ContractsJson.Default.OperationResponse);
        }
        catch (KvStoreException failure)
        {
            throw failure.Problem is { } problem
                ? new KvStoreException(problem, Applied.Unknown)
                : new KvStoreException(
                    $"What became of the removal is not known. {failure.Message}", Applied.Unknown, failure);
        }
    }
}
