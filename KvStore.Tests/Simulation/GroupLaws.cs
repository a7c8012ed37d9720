using System.IO.Hashing;
using System.Runtime.CompilerServices;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;

namespace KvStore.Tests.Simulation;

/// <summary>
/// What must be true of one replica group at every step, seen from outside all nodes at once: the five properties of
/// figure 3 of the Raft paper, and what must be durable before it is said.
/// </summary>
internal sealed class GroupLaws(Simulator world, PartitionId group)
{
    private const int HashInterval = 16;
    private readonly Dictionary<Term, NodeId> _primaries = [];
    private readonly Dictionary<(LogIndex Index, Term Term), (ulong Content, Term Previous)> _entries = [];
    private readonly List<(Term Term, Term CommittedIn)> _committed = [];
    private readonly Dictionary<LogIndex, ulong> _hashes = [];
    private readonly List<GroupConfiguration> _ordered = [];
    private readonly SortedList<LogIndex, GroupConfiguration> _configurations = new()
    {
        [LogIndex.Zero] = new(Placement.Born(world.Swarm, group.Value), []),
    };

    /// <summary>How far any primary has committed.</summary>
    public LogIndex CommitIndex => new(_committed.Count);

    /// <summary>What concerns its time.</summary>
    public ClockLaws Clocks { get; } = new(world, group);

    /// <summary>What concerns who watches it; null: nobody does.</summary>
    public WatchLaws? Watches { get; } = world.Swarm.HasWatches ? new(world, group, new Random(group.Value)) : null;

    public int ElectionCount => _primaries.Count;

    /// <summary>Somebody wants just these to keep the group.</summary>
    public void Ordered(GroupConfiguration next) => _ordered.Add(next);

    /// <summary>After the core decided, before its host acts on it.</summary>
    public void AfterStep(SimulatedReplica replica, Effects effects, ReplicaRole roleBefore, Term termBefore)
    {
        var core = replica.Core;
        Claim(core.Term >= termBefore, replica, $"the term went from {termBefore} back to {core.Term}");
        var wasPrimary = roleBefore == ReplicaRole.Primary && termBefore == core.Term;
        foreach (var persist in effects.Persist)
            LogsMatch(replica, persist);
        if (core.Role == ReplicaRole.Primary)
        {
            if (wasPrimary)
            {
                PrimaryOnlyAppends(replica, effects);
                PrimaryIsCautious(replica, effects);
            }
            else
            {
                ElectionIsSafe(replica);
            }
        }

        if (core.Role == ReplicaRole.Primary || roleBefore == ReplicaRole.Primary)
            CommitIsDurable(replica, roleBefore == ReplicaRole.Primary ? termBefore : core.Term);

        foreach (var envelope in effects.Send)
            MessageRestsOnDisk(replica, envelope);
    }

    /// <summary>
    /// State machine safety: no two replicas apply different entries at one index, nor come to different states.
    /// </summary>
    public void Applied(SimulatedReplica replica, LogEntry entry)
    {
        Claim(entry.Index <= CommitIndex, replica, $"applies {entry.Index} before a primary committed it");
        var committed = _committed[(int)entry.Index.Value - 1].Term;
        Claim(
            committed == entry.Term,
            replica,
            $"applies {entry.Index} of term {entry.Term}, committed was term {committed}");
        Claim(
            _entries[(entry.Index, entry.Term)].Content == ContentOf(entry),
            replica,
            $"applies other content at {entry.Index}");
        if (entry.Kind == EntryKind.Configuration)
            _configurations.TryAdd(entry.Index, GroupConfigurationFormat.Decode(entry.Payload.Span));
        if (entry.Index.Value % HashInterval == 0)
            StatesAgree(replica);
    }

    public void StatesAgree(SimulatedReplica replica)
    {
        var hash = replica.Image.Hash();
        var agreed = _hashes.TryAdd(replica.AppliedIndex, hash) ? hash : _hashes[replica.AppliedIndex];
        Claim(agreed == hash, replica, $"its state at {replica.AppliedIndex} differs from another replica's");
        var known = replica.Core.ConfigurationAt(replica.AppliedIndex);
        var committed = _configurations.Last(change => change.Key <= replica.AppliedIndex).Value;
        Claim(
            known.Equals(committed),
            replica,
            $"is kept by {known} at {replica.AppliedIndex} for all it knows, and by {committed} in truth");
    }

    /// <summary>What a client was told is done must be committed by then, under the version it was told.</summary>
    public void Acknowledged(KeyVersion version) => Law.Holds(
        version.Index <= CommitIndex && _committed[(int)version.Index.Value - 1].Term == version.Term,
        $"g{group}: {version} was acknowledged and is not committed");

    /// <summary>
    /// At most one primary per term (section 5.2), and it holds whatever was committed in earlier terms (5.4).
    /// </summary>
    private void ElectionIsSafe(SimulatedReplica replica)
    {
        var core = replica.Core;
        _primaries.TryAdd(core.Term, replica.Node);
        Claim(
            _primaries[core.Term] == replica.Node,
            replica,
            $"second primary of term {core.Term} beside n{_primaries[core.Term]}");
        var last = _committed.FindLastIndex(committed => committed.CommittedIn < core.Term);
        if (last < 0)
            return;
        var index = new LogIndex(last + 1);
        var holds = index <= core.LogStart || core.TermAt(index) == _committed[last].Term;
        Claim(
            holds,
            replica,
            $"became primary of term {core.Term} without committed entry {index} of term {_committed[last].Term}");
    }

    /// <summary>
    /// A primary is a voter, commits only through its own term's entries (section 5.4.2), takes nothing more while it
    /// hands over, begins no change before its first commit, and changes one voter at a time (thesis 4.1). A newcomer
    /// becomes a voter only when it has caught up (thesis 4.2.1), and a group has fewer than it should only where
    /// somebody orders just that, or the one that goes is lost for ever.
    /// </summary>
    private void PrimaryIsCautious(SimulatedReplica replica, Effects effects)
    {
        var core = replica.Core;
        Claim(core.IsVoter, replica, $"is primary and no voter");
        var isSteady = !replica.IsHandingOver || replica.HasTicked || effects.Accepted.Count == 0;
        Claim(isSteady, replica, $"takes more while it hands over");
        var isOwn = core.TermAt(core.CommitIndex) == core.Term;
        Claim(
            isOwn || core.CommitIndex == replica.CommitIndexBefore,
            replica,
            $"commits {core.CommitIndex} of an earlier term by itself");
        foreach (var persist in effects.Persist)
        {
            foreach (var entry in persist.Entries)
            {
                if (entry.Kind == EntryKind.Configuration && entry.Term == core.Term)
                    ChangeIsCautious(replica, entry.Index, isOwn);
            }
        }
    }

    private void ChangeIsCautious(SimulatedReplica replica, LogIndex index, bool hasCommittedInTerm)
    {
        var core = replica.Core;
        Claim(hasCommittedInTerm, replica, $"begins a change before its first commit in term {core.Term}");
        var (before, next) = (core.ConfigurationAt(index - 1), core.ConfigurationAt(index));
        var changed = next.Voters.Except(before.Voters).Concat(before.Voters.Except(next.Voters)).Count();
        Claim(changed <= 1, replica, $"goes from {before} to {next} in one step");
        foreach (var newcomer in next.Voters.Except(before.Voters))
        {
            var lag = replica.CommitIndexBefore - world.Node(newcomer).Durable(group).LastIndex;
            Claim(lag <= world.CaughtUpEntries, replica, $"makes n{newcomer} a voter, which lacks {lag} entries");
        }

        var isWhole = next.Voters.Length >= Math.Min(world.Swarm.VoterCount, before.Voters.Length)
            || _ordered.Exists(next.HasSameMembers)
            || before.Voters.Except(next.Voters).All(gone => world.Node(gone).IsGone);
        Claim(isWhole, replica, $"goes down to {next} by itself");
    }

    /// <summary>A primary never overwrites its own log (section 5.3).</summary>
    private void PrimaryOnlyAppends(SimulatedReplica replica, Effects effects)
    {
        Claim(effects.Restore is null, replica, $"a primary was restored from a snapshot");
        foreach (var persist in effects.Persist)
        {
            Claim(persist.Snapshot is null, replica, $"a primary replaced its log by a snapshot");
            if (!persist.Entries.IsEmpty)
            {
                var first = persist.Entries[0].Index;
                Claim(first > replica.LastIndexBefore, replica, $"a primary overwrote its entry {first}");
            }
        }
    }

    /// <summary>Two entries of one index and term are the same and follow the same (section 5.3).</summary>
    private void LogsMatch(SimulatedReplica replica, Persist persist)
    {
        if (persist.Entries.IsEmpty)
            return;
        var previous = replica.Core.TermAt(persist.Entries[0].Index - 1) ?? Term.Zero;
        foreach (var entry in persist.Entries)
        {
            var content = (ContentOf(entry), previous);
            if (!_entries.TryAdd((entry.Index, entry.Term), content))
            {
                Claim(
                    _entries[(entry.Index, entry.Term)] == content,
                    replica,
                    $"entry {entry.Index} of term {entry.Term} differs between logs");
            }

            previous = entry.Term;
        }
    }

    /// <summary>
    /// Committed is what a majority holds on its disks, not in its memory: at the moment when it is committed, since
    /// the majority that it has by then need not be one of the voters that come after.
    /// </summary>
    private void CommitIsDurable(SimulatedReplica replica, Term committedIn)
    {
        var core = replica.Core;
        if (core.CommitIndex == LogIndex.Zero)
            return;
        Remember(core, committedIn);
        if (core.Role != ReplicaRole.Primary || core.CommitIndex == replica.CommitIndexBefore)
            return;
        var term = core.TermAt(core.CommitIndex)!.Value;
        var isHeld = IsHeldByMajority(replica.ConfigurationBefore);
        for (var last = replica.LastIndexBefore.Next(); !isHeld && last <= core.LastIndex; last = last.Next())
            isHeld = IsHeldByMajority(core.ConfigurationAt(last));
        Claim(
            isHeld,
            replica,
            $"committed {core.CommitIndex} without a majority of {core.Configuration} that has it on disk");

        bool IsHeldByMajority(GroupConfiguration kept) =>
            2 * kept.Voters.Count(voter => world.Node(voter).Durable(group).Holds(core.CommitIndex, term))
                > kept.Voters.Length;
    }

    /// <summary>
    /// An entry is committed in the earliest term whose primary committed it, even if that primary learns so late.
    /// </summary>
    private void Remember(Replica core, Term committedIn)
    {
        while (CommitIndex < core.CommitIndex)
            _committed.Add((core.TermAt(CommitIndex.Next())!.Value, committedIn));
        if (core.Role != ReplicaRole.Primary)
            return;
        for (var i = (int)core.CommitIndex.Value - 1; i >= 0 && _committed[i].CommittedIn > committedIn; i--)
            _committed[i] = _committed[i] with { CommittedIn = committedIn };
    }

    /// <summary>
    /// A vote, an acknowledgement and a request for votes are promises: a crash must not take them back. Who is asked
    /// to take over holds all there is.
    /// </summary>
    private void MessageRestsOnDisk(SimulatedReplica replica, Envelope envelope)
    {
        if (envelope.Message.Term != replica.Core.Term)
            return;    // held back until a flush that came after its term: nobody of the present counts on it
        var durable = world.Node(replica.Node).Durable(group);
        var (term, vote) = durable.HardState;
        var rests = envelope.Message switch
        {
            PeerMessage.VoteRequest { IsPreVote: false } => term == envelope.Message.Term && vote == replica.Node,
            PeerMessage.VoteReply { IsGranted: true, IsPreVote: false } =>
                term == envelope.Message.Term && vote == envelope.Peer,
            PeerMessage.AppendReply { IsAccepted: true } reply =>
                term == reply.Term && durable.LastIndex >= reply.Index,
            PeerMessage.TransferNow => IsBroughtUpToDate(replica, envelope.Peer),
            _ => true,
        };
        Claim(rests, replica, $"sent {envelope.Message} with {durable.HardState} and {durable.LastIndex} on disk");
    }

    private bool IsBroughtUpToDate(SimulatedReplica replica, NodeId target)
    {
        var last = replica.LastIndexBefore;
        return replica.Core.TermAt(last) is { } term && world.Node(target).Durable(group).Holds(last, term);
    }

    private static ulong ContentOf(LogEntry entry) => XxHash3.HashToUInt64(entry.Payload.Span, (long)entry.Kind);

    private static void Claim(
        bool claim,
        SimulatedReplica replica,
        [InterpolatedStringHandlerArgument(nameof(claim))] ref Breach otherwise)
    {
        if (!claim)
            Law.Holds(false, $"n{replica.Node} g{replica.Group}: {otherwise.Text()}");
    }
}
