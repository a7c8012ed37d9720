using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>
/// When a replica's state last contained all that was committed. Nobody else's clock says so: a stamp of this process
/// goes to the peer and comes back, and what the peer said between holds as of that stamp, however long either end was
/// paused since. Belongs to the replica's loop but for <see cref="At"/>, which is readable from anywhere.
/// </summary>
/// <param name="time">Its monotonic clock alone is read.</param>
/// <param name="firstStamp">
/// 1 to 2^62, drawn for this process: a stamp that an earlier one gave falls before its first or after its last.
/// </param>
internal sealed class Freshness(TimeProvider time, long firstStamp)
{
    private const long Never = long.MinValue;

    private readonly long _start = time.GetTimestamp();
    private (LogIndex Index, long At)? _awaited;
    private (LogIndex Index, long At)? _latest;
    private long _newest = Never;
    private long _at = Never;

    /// <summary>
    /// That moment, as a timestamp; null when it never was since the start. Who reads it before the state has a state
    /// that is at least as fresh.
    /// </summary>
    public long? At => Volatile.Read(ref _at) is var at && at != Never ? at : null;

    /// <summary>Now, in milliseconds on the scale of this process.</summary>
    public long Stamp() => firstStamp + ElapsedMs();

    /// <summary>When a stamp was given, as a timestamp; null when this process did not give it.</summary>
    public long? TimestampOf(long stamp)
    {
        var elapsed = stamp - firstStamp;
        return elapsed >= 0 && elapsed <= ElapsedMs()
            ? _start + (long)((Int128)elapsed * time.TimestampFrequency / 1000)
            : null;
    }

    /// <summary>
    /// At <paramref name="at"/> a state that contained the entry at <paramref name="index"/> was complete.
    /// </summary>
    public void Heard(LogIndex index, long at)
    {
        if (at <= _newest)
            return;    // the same stamp again, with more than the first time
        _newest = at;
        if (_awaited is null)
            _awaited = (index, at);
        else
            _latest = (index, at);    // the awaited one stays: who is always a little behind would never get there
    }

    /// <summary>The state contains everything up to here.</summary>
    public void Applied(LogIndex index)
    {
        while (_awaited is { } awaited && awaited.Index <= index)
        {
            Volatile.Write(ref _at, awaited.At);
            (_awaited, _latest) = (_latest, null);
        }
    }

    private long ElapsedMs() => (long)time.GetElapsedTime(_start).TotalMilliseconds;
}
