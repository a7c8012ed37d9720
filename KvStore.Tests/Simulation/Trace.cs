using static System.FormattableString;

namespace KvStore.Tests.Simulation;

/// <summary>What a line of the trace tells.</summary>
internal enum TraceEvent
{
    Step,
    Send,
    Lose,
    Flush,
    Apply,
    Restore,
    Snapshot,
    Start,
    Crash,
    LoseDisk,
    Pause,
    Resume,
    Cut,
    Join,
    Call,
    Return,
}

/// <summary>
/// A running hash of all that happens, so that two runs of a seed can be shown to be the same; and on demand the
/// last lines of it, in words.
/// </summary>
internal sealed class Trace(EventQueue queue, int keptLines)
{
    private const ulong Prime = 0x9E3779B97F4A7C15;
    private readonly Queue<string> _lines = [];
    private readonly long[] _counts = new long[Enum.GetValues<TraceEvent>().Length];

    public ulong Hash { get; private set; } = Prime;

    public IEnumerable<string> Lines => _lines;

    public long CountOf(TraceEvent kind) => _counts[(int)kind];

    public void Add(TraceEvent kind, int node, int group, long first, long second, object? detail = null)
    {
        _counts[(int)kind]++;
        Mix((ulong)queue.Now);
        Mix(((ulong)kind << 48) | ((ulong)(uint)node << 24) | (uint)group);
        Mix((ulong)first);
        Mix((ulong)second);
        if (keptLines > 0)
            Keep(Invariant($"{queue.Now / 1e6:F6} n{node} g{group} {kind} {first} {second} {detail}"));
    }

    private void Keep(string line)
    {
        _lines.Enqueue(line);
        if (_lines.Count > keptLines)
            _lines.Dequeue();
    }

    private void Mix(ulong value) => Hash = ulong.RotateLeft((Hash ^ value) * Prime, 29);
}
