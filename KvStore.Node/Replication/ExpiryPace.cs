using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>
/// When a primary removes what is due, a part of it with each command. What is due is given to nobody, so there is no
/// haste that others would have to wait for: after each command there is a rest, to a tick of the partition's own, so
/// that not all go on at once where very much ends together. With many changes meanwhile there is none, so that more is
/// removed than comes in.
/// </summary>
/// <param name="partition">Decides which ticks are its own.</param>
/// <param name="restTicks">The longest rest; 1 or more.</param>
internal sealed class ExpiryPace(int partition, int restTicks)
{
    /// <summary>So many changes take a rest away: as many keys were stored at most, and twice as many go.</summary>
    private const int RestlessChanges = KeyValueState.MaxExpiredAtOnce / 2;

    private long _ticks;
    private long _restsUntil;
    private long _changes;

    /// <summary>So many changes were applied, not counting removals of what was due.</summary>
    public void Applied(int changes) => _changes += changes;

    /// <summary>At each tick: whether a command is to remove something now.</summary>
    public bool IsItsTurn(bool isAnyDue)
    {
        _ticks++;
        if (!isAnyDue)
            _changes = Math.Min(_changes, RestlessChanges);    // what was stored before anything was due is no stream
        if (!isAnyDue || (_ticks < _restsUntil && _changes < RestlessChanges))
            return false;
        _restsUntil = _ticks + restTicks - ((_ticks + partition) % restTicks);
        _changes = Math.Max(0, _changes - RestlessChanges);
        return true;
    }
}
