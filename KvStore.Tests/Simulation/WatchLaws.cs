using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Replication;
using static System.FormattableString;

namespace KvStore.Tests.Simulation;

/// <summary>
/// What must be true of a watch of one replica group that is read now here and now there, from wherever it was: it is
/// told every change once, in log order, each command whole, or that it lost some.
/// </summary>
internal sealed class WatchLaws(Simulator world, PartitionId group, Random random)
{
    private const long MeanInterval = 200 * Swarm.Millisecond;
    private readonly List<(long Index, string Changes)> _all = [];
    private LogIndex _applied;
    private long _at;
    private int _next;

    /// <summary>How many commands' changes were read.</summary>
    public long ReadCount { get; private set; }

    /// <summary>How often something was not kept any more.</summary>
    public long LostCount { get; private set; }

    public void Start() => world.Queue.Schedule(random.NextInt64(1, 2 * MeanInterval), () =>
    {
        var node = random.GetItems([.. world.Present], 1)[0];
        if (node.IsUp && !node.IsPaused)
            Read(node.Replicas[group.Value].History!);
        Start();
    });

    /// <summary>A replica applied a command; the first to do so tells what there is to be seen.</summary>
    public void Applied(LogEntry entry, IReadOnlyList<KeyChange> changes)
    {
        if (entry.Index <= _applied)
            return;
        _applied = entry.Index;
        if (changes.Count > 0)
        {
            _all.Add((entry.Index.Value, string.Join(", ", changes.Select(change =>
                TextOf(change.Kind, change.Key, change.Kind == KeyChangeKind.Put ? change.Entry.Value : default)))));
        }
    }

    private void Read(ChangeHistory history)
    {
        var upTo = history.Reached;
        if (upTo <= _at)
            return;
        for (var reader = history.After(_at); ;)
        {
            switch (reader.Read(upTo, out var found))
            {
                case HistoryStep.Found:
                    Take(found);
                    break;
                case HistoryStep.NoMore:
                    MoveTo(upTo);
                    return;
                default:
                    LostCount++;
                    _next = _all.FindIndex(seen => seen.Index > upTo) is var later and >= 0 ? later : _all.Count;
                    _at = upTo;    // begins anew with a list of what there is
                    return;
            }
        }
    }

    private void Take(AppliedChanges found)
    {
        var text = string.Join(", ", found.Changes.Select(change => TextOf(change.Kind, change.Key, change.Value)));
        var (index, changes) = _next < _all.Count ? _all[_next] : (0, "nothing");
        Law.Holds(
            found.Index.Value == index && text == changes,
            $"g{group}: a watch at {_at} is told '{text}' of {found.Index}, next is '{changes}' of {index}");
        ReadCount++;
        _next++;
        _at = index;
    }

    private void MoveTo(long upTo)
    {
        Law.Holds(
            _next == _all.Count || _all[_next].Index > upTo,
            $"g{group}: a watch at {_at} is told of nothing up to {upTo}, and {_all[^1].Index} was to be told");
        _at = upTo;
    }

    private static string TextOf(KeyChangeKind kind, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value) =>
        Invariant($"{kind} {Encoding.UTF8.GetString(key.Span)} {Encoding.UTF8.GetString(value.Span)}");
}
