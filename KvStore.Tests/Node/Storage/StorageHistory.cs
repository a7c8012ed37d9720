using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;

namespace KvStore.Tests.Node.Storage;

/// <summary>
/// What a cluster could ask of a node's storage, drawn by a seed, and what the storage may give back after a crash:
/// everything that was reported flushed, and beyond that only what was handed over, in its order.
/// </summary>
internal sealed class StorageHistory(Random random)
{
    private const int PartitionCount = 3;

    private readonly long[] _numbers = new long[PartitionCount];
    private readonly List<LogEntry>[] _committed =
        [.. Enumerable.Range(0, PartitionCount).Select(_ => new List<LogEntry>())];

    private readonly Dictionary<(int Partition, long Index), Snapshot> _saved = [];
    private List<ImmutableArray<Log>> _steps = [[.. Enumerable.Range(0, PartitionCount).Select(_ => Log.Empty)]];
    private long _entries;

    /// <summary>How many of the steps handed over were reported flushed.</summary>
    public int Reported { get; set; }

    /// <summary>How many steps were handed over: terms and votes, entries, snapshots.</summary>
    public int HandedOver => _steps.Count - 1;

    private ImmutableArray<Log> Now => _steps[^1];

    /// <summary>Something for the log of some partition; a snapshot with it is to be saved first.</summary>
    public Persist NextPersist()
    {
        var partition = random.Next(PartitionCount);
        var log = Now[partition];
        return random.Next(10) switch
        {
            _ when !IsExtended(partition) => CatchUp(partition, log),
            0 => Vote(partition, log),
            1 => Restart(partition, log),
            2 when log.Last > _committed[partition].Count => Overwrite(partition, log),
            _ => Extend(partition, log),
        };
    }

    /// <summary>A capture of some partition as far as it is committed; null when nothing is.</summary>
    public (PartitionId Partition, Snapshot Snapshot)? NextCapture()
    {
        var partition = random.Next(PartitionCount);
        if (_committed[partition].Count == 0)
            return null;
        var snapshot = TestStore.Capture(_committed[partition]);
        Save(partition, snapshot);
        return (new PartitionId(partition), snapshot);
    }

    /// <summary>Checks what was recovered, and goes on from there.</summary>
    public void Recovered(TestStore store, string replay)
    {
        _steps = [Find(store, replay)];
        Reported = 0;
    }

    /// <summary>Checks what was recovered, by one of several starts that could be.</summary>
    public void Check(TestStore store, string replay) => Find(store, replay);

    private ImmutableArray<Log> Find(TestStore store, string replay)
    {
        for (var step = HandedOver; step >= Reported; step--)
        {
            var logs = _steps[step];
            var found = logs.Select((log, partition) => Match(store, partition, log)).ToList();
            if (found.Any(log => log is null))
                continue;
            return [.. found.Select(log => log!)];
        }

        throw new Xunit.Sdk.XunitException(
            $"{replay}: between {Reported} reported and {HandedOver} handed over, nothing matches\n"
            + $"{store.Describe()}\nexpected\n{string.Join('\n', _steps[Reported])}");
    }

    /// <summary>The log as recovered, if it is this one seen through some snapshot that was saved.</summary>
    private Log? Match(TestStore store, int partition, Log log)
    {
        var recovered = store.Log.Recovered.GetValueOrDefault(new PartitionId(partition));
        var replica = recovered?.Replica ?? RecoveredReplica.Empty;
        var start = replica.SnapshotIndex.Value;
        var entries = log.Entries;
        if (start > 0)
        {
            if (!_saved.TryGetValue((partition, start), out var saved) || saved.Term != replica.SnapshotTerm
                || saved.State.Hash() != recovered!.State.Hash())
            {
                return null;
            }

            var isWithin = log.Last >= start && log.Entries[(int)start - 1].Term == saved.Term;
            if (!isWithin)    // the log did not come to it, or to another entry of that index: it starts anew there
                entries = [.. _committed[partition].Take((int)start)];
        }

        var lastTerm = entries.Length > 0 ? entries[^1].Term : Term.Zero;
        var hardState = log.HardState.Term < lastTerm ? new HardState(lastTerm, NodeId.None) : log.HardState;
        var isSame = hardState == replica.HardState && replica.Entries.Length == entries.Length - start
            && replica.Entries.Zip(entries.Skip((int)start)).All(pair => IsSame(pair.First, pair.Second));
        return isSame ? new Log(hardState, entries) : null;
    }

    private static bool IsSame(LogEntry left, LogEntry right) =>
        left.Index == right.Index && left.Term == right.Term && left.Kind == right.Kind
        && left.Payload.Span.SequenceEqual(right.Payload.Span);

    /// <summary>Whether the log holds all that is committed; after a crash it may not.</summary>
    private bool IsExtended(int partition)
    {
        var (log, committed) = (Now[partition], _committed[partition]);
        return committed.Count == 0
            || (log.Last >= committed.Count && IsSame(log.Entries[committed.Count - 1], committed[^1]));
    }

    private Persist CatchUp(int partition, Log log)
    {
        var committed = _committed[partition];
        var from = 0;
        while (from < log.Last && from < committed.Count && IsSame(log.Entries[from], committed[from]))
            from++;
        return Write(partition, log, from, [.. committed.Skip(from)]);
    }

    private Persist Vote(int partition, Log log)
    {
        var state = new HardState(Latest(partition, log).Next(), new NodeId(random.Next(3)));
        Step(partition, log with { HardState = state });
        return Persist(partition, state, [], null);
    }

    private Persist Overwrite(int partition, Log log)
    {
        var from = random.Next(_committed[partition].Count, log.Last);
        return Write(partition, log, from, New(from, Latest(partition, log).Next(), random.Next(1, 3)));
    }

    private Persist Extend(int partition, Log log)
    {
        var persist = Write(partition, log, log.Last, New(log.Last, Latest(partition, log), random.Next(1, 5)));
        var committed = _committed[partition];
        committed.AddRange(Now[partition].Entries.Skip(committed.Count).Take(random.Next(4)));
        return persist;
    }

    /// <summary>
    /// A snapshot from the primary, of a history that goes on where the committed part of this one ends.
    /// </summary>
    private Persist Restart(int partition, Log log)
    {
        var committed = _committed[partition];
        var count = log.Last - committed.Count + random.Next(1, 4);
        committed.AddRange(New(committed.Count, Latest(partition, log).Next(), count));
        var snapshot = TestStore.Capture(committed);
        Save(partition, snapshot);
        var state = new HardState(snapshot.Term, NodeId.None);
        Step(partition, log with { Entries = [.. committed] });
        Step(partition, new Log(state, [.. committed]));
        return Persist(partition, state, [], snapshot);
    }

    private void Save(int partition, Snapshot snapshot) => _saved[(partition, snapshot.Index.Value)] = snapshot;

    private Term Latest(int partition, Log log)
    {
        var term = log.HardState.Term;
        foreach (var entry in log.Entries.Concat(_committed[partition]))
            term = term < entry.Term ? entry.Term : term;
        return term == Term.Zero ? new Term(1) : term;
    }

    private ImmutableArray<LogEntry> New(int after, Term term, int count) =>
        [.. Enumerable.Range(after + 1, count).Select(index => TestStore.Entry(index, term.Value, $"v{++_entries}"))];

    private Persist Write(int partition, Log log, int keep, ImmutableArray<LogEntry> entries)
    {
        var term = entries[^1].Term;
        var state = log.HardState.Term < term ? new HardState(term, NodeId.None) : log.HardState;
        if (state != log.HardState)
            Step(partition, log with { HardState = state });
        for (var count = 1; count <= entries.Length; count++)    // frames may part them: any prefix may be there
            Step(partition, new Log(state, [.. log.Entries.Take(keep), .. entries.Take(count)]));
        return Persist(partition, state == log.HardState ? null : state, entries, null);
    }

    private void Step(int partition, Log log) => _steps.Add(Now.SetItem(partition, log));

    private Persist Persist(int partition, HardState? state, ImmutableArray<LogEntry> entries, Snapshot? snapshot) =>
        new(new PartitionId(partition), ++_numbers[partition], state, entries, snapshot);

    /// <summary>One partition's log from its first entry on, whatever a snapshot stands for.</summary>
    private sealed record Log(HardState HardState, ImmutableArray<LogEntry> Entries)
    {
        public static Log Empty { get; } = new(default, []);

        public int Last => Entries.Length;

        public override string ToString() =>
            $"{HardState} {string.Join(' ', Entries.Select(entry => $"{entry.Index}/{entry.Term}"))}";
    }
}
