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
    /// Removes the keys of a range that are there, each in the version that it had when they were counted: what is
    /// written meanwhile stays. Returns when that is done, however long it takes; who gives it up does not end it. To
    /// empty a bucket, drop it.
    /// </summary>
    /// <param name="prefix">What the keys begin with; empty only beside a start or an end.</param>
    /// <param name="options">Which of them; their order, pages and delimiter are not looked at.</param>
    /// <param name="cancellationToken">Ends the call; keys may be removed all the same.</param>
    /// <returns>How many were removed, as far as that was told: not those of a try that was not answered.</returns>
    /// <exception cref="ArgumentException">The range has neither a prefix nor a start nor an end.</exception>
    /// <exception cref="KvStoreException">
    /// It cannot be done now, or others write so often in this range that no count holds (<c>precondition-failed</c>);
    /// <c>Applied</c> tells whether keys may have been removed.
    /// </exception>
    public async Task<long> DeleteRangeAsync(
        string prefix, KvListOptions? options = null, CancellationToken cancellationToken = default)
    {
        if (string.IsNullOrEmpty(prefix) && string.IsNullOrEmpty(options?.Start) && string.IsNullOrEmpty(options?.End))
            throw new ArgumentException("A range needs a prefix, a start or an end.", nameof(prefix));
        var startedAt = _time.GetTimestamp();
        var patience = options?.Timeout ?? Patience;
        var mayBeApplied = false;
        var count = await CountAsync(prefix, options, cancellationToken).ConfigureAwait(false);
        while (count > 0)
        {
            var range = Range(prefix, options).Append(CultureInfo.InvariantCulture, $"&confirm={count}");
            var call = new KvCall(HttpMethod.Delete, range.ToString(), "delete_range")
            {
                Bucket = Name,
                Timeout = patience,
                IsWrite = true,
            };
            using var answer = await _transport.SendAsync(call, cancellationToken).ConfigureAwait(false);
            mayBeApplied |= call.MayBeApplied;
            if (answer.Status == HttpStatusCode.OK)
                return answer.Read(ContractsJson.Default.RangeDeleteResponse).Deleted;
            if (answer.Status == HttpStatusCode.Accepted)
            {
                var begun = answer.Read(ContractsJson.Default.OperationResponse);
                if (await EndOfAsync(begun, cancellationToken).ConfigureAwait(false) is { } ended)
                    return ended.Deleted;
                mayBeApplied = true;
            }
            else if (_time.GetElapsedTime(startedAt) > patience)
            {
                throw new KvStoreException(answer.Problem!, mayBeApplied ? Applied.Unknown : Applied.No);
            }

            count = await CountAsync(prefix, options, cancellationToken).ConfigureAwait(false);
        }

        return 0;
    }

    /// <summary>Waits until an operation is done.</summary>
    /// <returns>What came of it; null: its node does not know of it any more, so something may be left to do.</returns>
    private async Task<OperationResponse?> EndOfAsync(OperationResponse operation, CancellationToken cancellation)
    {
        var target = Routes.Operation.Replace("{id}", Uri.EscapeDataString(operation.Id), StringComparison.Ordinal);
        while (operation.State == "running")
        {
            await Task.Delay(LookPause, _time, cancellation).ConfigureAwait(false);
            var call = new KvCall(HttpMethod.Get, target, "operation")
            {
                Timeout = Patience,
                Absence = ProblemType.OperationNotFound,
            };
            using var answer = await _transport.SendAsync(call, cancellation).ConfigureAwait(false);
            if (!answer.IsSuccess)
                return null;
            operation = answer.Read(ContractsJson.Default.OperationResponse);
        }

        return operation.State == "done" ? operation : throw new KvStoreException(
            $"The removal ended ({operation.State}) after {operation.Deleted} of {operation.Total} keys. "
                + operation.Detail,
            Applied.Unknown);
    }
}
