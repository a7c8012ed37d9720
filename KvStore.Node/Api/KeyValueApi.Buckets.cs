using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Buckets;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>
/// The bucket of a request: its name becomes an id, and its settings count where the request says nothing. A partition
/// knows ids alone, and that of a bucket that was dropped it refuses, however old this node's catalog is.
/// </summary>
internal sealed partial class KeyValueApi
{
    /// <summary>
    /// Takes the request into its bucket: at once when this node knows it, for a read also as it was before the start.
    /// </summary>
    /// <returns>Why it is refused; null when it is in.</returns>
    private ValueTask<Refusal?> EnterBucketAsync(KeyRequest request, CancellationToken deadline) =>
        directory.FindKnown(request.Bucket, isOldGood: !request.IsWrite) is { } known
            ? ValueTask.FromResult(Enter(request, known))
            : SeekBucketAsync(request, deadline);

    private async ValueTask<Refusal?> SeekBucketAsync(KeyRequest request, CancellationToken deadline) =>
        await directory.FindAnewAsync(request.Bucket, deadline) switch
        {
            BucketLookup.Found found => Enter(request, found.Bucket),
            var lookup => Problems.From(lookup),
        };

    /// <summary>
    /// The partition says that the bucket was dropped: whoever has its name now, if anybody, gets the request.
    /// </summary>
    /// <returns>Why it is refused; null when it is in another bucket of that name.</returns>
    private async ValueTask<Refusal?> EnterAnewAsync(KeyRequest request, CancellationToken deadline)
    {
        if (request.MayBeApplied)    // in the bucket that is gone; a second time in another one would be twice
            return Problems.DeadlinePassed(mayBeApplied: true);
        var gone = request.BucketId;
        var refusal = await SeekBucketAsync(request, deadline);
        return refusal is null && request.BucketId == gone ? Problems.BucketsUnreached : refusal;
    }

    private static Refusal? Enter(KeyRequest request, Bucket bucket)
    {
        request.Enter(bucket);
        var settings = bucket.Settings;
        if (!request.IsWrite)
            return null;
        if (request.Value.Length > settings.MaxValueBytes)
        {
            return new Refusal(
                ProblemType.ValueTooLarge,
                $"A value in this bucket may have {settings.MaxValueBytes} bytes; nothing was applied.");
        }

        return settings.RequireConditionalWrites is true && request.IfMatch is null && request.IfNoneMatch is null
            ? Problems.PreconditionRequired
            : null;
    }

    private static bool IsBucketGone(WriteOutcome outcome) => outcome is
        WriteOutcome.Committed { Result.Status: WriteStatus.BucketGone }
        or WriteOutcome.TooFewCopies { Result.Status: WriteStatus.BucketGone };

    private static bool IsBucketGone(ReadOutcome.Ready ready, BucketId bucket) => ready.Image.IsClosed(bucket);
}
