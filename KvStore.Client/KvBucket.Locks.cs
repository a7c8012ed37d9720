using System.Net;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>Locks.</summary>
public partial class KvBucket
{
    private static readonly TimeSpan ShortestLife = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestLife = TimeSpan.FromDays(1);
    private static readonly TimeSpan LockWait = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Takes a lock, if nobody holds it. A call that is cancelled or fails may have taken it all the same: then nobody
    /// holds it, and it is free when its life is over.
    /// </summary>
    /// <param name="key">The key that is the lock.</param>
    /// <param name="life">How long it is held when its holder falls silent: 1 s to a day.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The lock, which is kept until it is disposed; null: somebody holds it.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The life is shorter or longer than a lock's may be.</exception>
    /// <exception cref="KvStoreException">It is not known, or cannot be taken now.</exception>
    public async Task<KvLock?> TryLockAsync(string key, TimeSpan life, CancellationToken cancellationToken = default) =>
        (await TakeAsync(key, life, cancellationToken).ConfigureAwait(false)).Taken;

    /// <summary>
    /// Takes a lock as soon as nobody holds it. Who comes first is not promised to be first. A call that is cancelled
    /// or fails may have taken it all the same: then nobody holds it, and it is free when its life is over.
    /// </summary>
    /// <param name="key">The key that is the lock.</param>
    /// <param name="life">How long it is held when its holder falls silent: 1 s to a day.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The lock, which is kept until it is disposed.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The life is shorter or longer than a lock's may be.</exception>
    /// <exception cref="KvStoreException">It is not known, or cannot be taken now.</exception>
    public async Task<KvLock> LockAsync(string key, TimeSpan life, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var (taken, holder) = await TakeAsync(key, life, cancellationToken).ConfigureAwait(false);
            if (taken is not null)
                return taken;
            for (var early = 1; holder is { } held; early++)
            {
                var askedAt = _time.GetTimestamp();
                holder = await NextVersionAsync(key, held, cancellationToken).ConfigureAwait(false);
                if (holder == held && _time.GetElapsedTime(askedAt) < LockWait)    // as by a node that stops
                    await StepBackAsync(early, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task<(KvLock? Taken, KvVersion? Holder)> TakeAsync(
        string key, TimeSpan life, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(life, ShortestLife);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(life, LongestLife);
        var sentAt = _time.GetTimestamp();
        var options = new KvWriteOptions { TimeToLive = life };
        var created = await CreateAsync(key, KvLock.Value, options, cancellation).ConfigureAwait(false);
        return created is { IsApplied: true, Version: { } version }
            ? (new KvLock(this, key, version, life, sentAt, _time), null)
            : (null, created.Version);
    }

    /// <summary>Waits for another version than that, for half a minute.</summary>
    /// <returns>What is stored then; null: nothing.</returns>
    private async Task<KvVersion?> NextVersionAsync(string key, KvVersion known, CancellationToken cancellation)
    {
        var call = ReadOf(key, "", new KvReadOptions { Consistency = Consistency.Strong }, LockWait);
        call.Add("If-None-Match", known.ToString());
        using var answer = await _transport.SendAsync(call, cancellation).ConfigureAwait(false);
        return answer.Status == HttpStatusCode.NotFound ? null : answer.Version ?? known;
    }
}
