using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>
/// When a replica's state last contained all that was committed, as far as it has been told. Belongs to the replica's
/// loop but for <see cref="Age"/>, which is readable from anywhere.
/// </summary>
internal sealed class Freshness(TimeProvider time)
{
    private const long Never = long.MinValue;

    private (LogIndex Index, long At)? _awaited;
    private (LogIndex Index, long At)? _latest;
    private long _freshAt = Never;

    /// <summary>How long ago that was; null when it never was since the start.</summary>
    public TimeSpan? Age => Volatile.Read(ref _freshAt) is var at && at != Never ? time.GetElapsedTime(at) : null;

    /// <summary>
    /// At <paramref name="at"/> a state that contained the entry at <paramref name="index"/> was complete.
    /// </summary>
    public void Heard(LogIndex index, long at)
    {
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
            Volatile.Write(ref _freshAt, awaited.At);
            (_awaited, _latest) = (_latest, null);
        }
    }
}
