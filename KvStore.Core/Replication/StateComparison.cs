using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>What a replica concludes from what it and others say that their states hash to at one mark.</summary>
public enum StateVerdict
{
    /// <summary>Nobody who was heard differs.</summary>
    Same,

    /// <summary>Somebody differs: another one, as far as can be told so far.</summary>
    Different,

    /// <summary>A majority of the voters agrees, and this replica is not with it: it must not go on.</summary>
    IsOdd,

    /// <summary>All voters were heard and no majority agrees: nobody knows who is right, so no voter goes on.</summary>
    NoMajority,
}

/// <summary>Not everybody came to the same state at a mark.</summary>
/// <param name="Verdict">What this replica has to do.</param>
/// <param name="Index">The mark.</param>
/// <param name="Hashes">What each of those who were heard said, this replica among them.</param>
public sealed record StateDifference(
    StateVerdict Verdict, LogIndex Index, ImmutableSortedDictionary<int, ulong> Hashes);

/// <summary>
/// What the members of one group said lately that their states hash to, and what follows for one of them. Each decides
/// for itself and believes a majority of the voters at the mark, itself among them if it is one.
/// </summary>
/// <param name="self">Who decides.</param>
public sealed class StateComparison(NodeId self)
{
    /// <summary>Marks remembered of each member, so that one may be somewhat behind another.</summary>
    private const int KeptMarks = 4;

    private readonly Queue<(LogIndex Index, GroupConfiguration Configuration, ulong Hash)> _own = [];
    private readonly Dictionary<NodeId, Queue<(LogIndex Index, ulong Hash)>> _heard = [];

    /// <summary>
    /// This replica's state hashed to <paramref name="hash"/> at the mark, where these kept the log.
    /// </summary>
    public StateDifference? Came(LogIndex index, GroupConfiguration configuration, ulong hash)
    {
        Keep(_own, (index, configuration, hash));
        foreach (var gone in _heard.Keys.Except(configuration.Members).ToList())
            _heard.Remove(gone);
        return Look(index);
    }

    /// <summary>A member says that its state hashed to <paramref name="hash"/> at the mark.</summary>
    public StateDifference? Heard(NodeId from, LogIndex index, ulong hash)
    {
        if (!_heard.TryGetValue(from, out var said))
            _heard.Add(from, said = []);
        Keep(said, (index, hash));
        return Look(index);
    }

    /// <summary>What this replica's state hashed to at the mark; null: not known any more, or not yet.</summary>
    public ulong? HashAt(LogIndex index)
    {
        foreach (var mark in _own)
        {
            if (mark.Index == index)
                return mark.Hash;
        }

        return null;
    }

    /// <summary>The verdict of a member that came to <paramref name="mine"/>.</summary>
    /// <param name="self">Who decides; a voter or a learner.</param>
    /// <param name="mine">What its own state hashes to.</param>
    /// <param name="voters">Who voted at the mark.</param>
    /// <param name="others">What the others said that were heard, voters or not.</param>
    public static StateVerdict Judge(
        NodeId self, ulong mine, ImmutableArray<NodeId> voters, IReadOnlyDictionary<NodeId, ulong> others)
    {
        var votes = new List<ulong>(voters.Length);
        foreach (var voter in voters)
        {
            if (voter == self)
                votes.Add(mine);
            else if (others.TryGetValue(voter, out var theirs))
                votes.Add(theirs);
        }

        var winner = votes.GroupBy(hash => hash).FirstOrDefault(same => same.Count() >= Quorum.Majority(voters.Length));
        if (winner is not null && winner.Key != mine)
            return StateVerdict.IsOdd;
        if (winner is null && votes.Count == voters.Length && voters.Contains(self))
            return StateVerdict.NoMajority;
        return others.Values.All(theirs => theirs == mine) ? StateVerdict.Same : StateVerdict.Different;
    }

    private StateDifference? Look(LogIndex index)
    {
        foreach (var mark in _own)
        {
            if (mark.Index != index)
                continue;
            var others = OthersAt(index);
            var verdict = Judge(self, mark.Hash, mark.Configuration.Voters, others);
            others[self] = mark.Hash;
            return verdict == StateVerdict.Same ? null : new StateDifference(
                verdict, index, others.ToImmutableSortedDictionary(said => said.Key.Value, said => said.Value));
        }

        return null;
    }

    private Dictionary<NodeId, ulong> OthersAt(LogIndex index)
    {
        Dictionary<NodeId, ulong> others = [];
        foreach (var (member, said) in _heard)
        {
            foreach (var mark in said)
            {
                if (mark.Index == index)
                    others[member] = mark.Hash;    // the last word counts: it may have started again since
            }
        }

        return others;
    }

    private static void Keep<T>(Queue<T> marks, T mark)
    {
        if (marks.Count == KeptMarks)
            marks.Dequeue();
        marks.Enqueue(mark);
    }
}
