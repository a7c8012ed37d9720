using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// Who keeps a group's log: voters, who make majorities, and learners, who receive the log and count for nothing until
/// they have caught up and are made voters. And the era that its time is of. Immutable; no member is named twice.
/// </summary>
public sealed class GroupConfiguration : IEquatable<GroupConfiguration>
{
    /// <summary>The most members of a group, voters and learners together.</summary>
    public const int MaxMembers = 32;

    /// <param name="voters">At least one.</param>
    /// <param name="learners">None of them a voter.</param>
    /// <param name="era">As <see cref="Era"/>.</param>
    public GroupConfiguration(ImmutableArray<NodeId> voters, ImmutableArray<NodeId> learners, Era era = default)
    {
        Invariant.Holds(!voters.IsEmpty);
        Invariant.Holds(voters.Length + learners.Length <= MaxMembers);
        Voters = voters;
        Learners = learners;
        Era = era;
        Members = [.. voters, .. learners];
        Invariant.Holds(Members.Distinct().Count() == Members.Length);
    }

    /// <summary>Those who vote and whose copies count.</summary>
    public ImmutableArray<NodeId> Voters { get; }

    /// <summary>Those who receive the log and do not count.</summary>
    public ImmutableArray<NodeId> Learners { get; }

    /// <summary>The era that the group's time is of, from here on in its log.</summary>
    public Era Era { get; }

    /// <summary>Voters, then learners.</summary>
    public ImmutableArray<NodeId> Members { get; }

    /// <summary>How many voters are a majority.</summary>
    internal int Majority => Quorum.Majority(Voters.Length);

    /// <summary>
    /// Whether one step leads to <paramref name="next"/>: at most one voter comes, from among the learners, or goes. So
    /// any majority before and any after have a voter in common (thesis 4.1).
    /// </summary>
    public bool IsOneStepTo(GroupConfiguration next)
    {
        var come = next.Voters.Except(Voters).ToList();
        var gone = Voters.Except(next.Voters).Count();
        return come.Count + gone <= 1 && come.TrueForAll(Learners.Contains);
    }

    /// <summary>The same members in an era.</summary>
    public GroupConfiguration WithEra(Era era) => new(Voters, Learners, era);

    /// <summary>Whether the same members keep the log, whatever the era.</summary>
    public bool HasSameMembers(GroupConfiguration other) =>
        Voters.SequenceEqual(other.Voters) && Learners.SequenceEqual(other.Learners);

    /// <inheritdoc/>
    public bool Equals(GroupConfiguration? other) =>
        other is not null && HasSameMembers(other) && Era == other.Era;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as GroupConfiguration);

    /// <inheritdoc/>
    public override int GetHashCode() =>
        Members.Aggregate(Voters.Length, static (hash, member) => HashCode.Combine(hash, member.Value));

    /// <summary>Such as <c>1 2 3 + 4</c>: the learners after the plus sign.</summary>
    public override string ToString() =>
        string.Join(' ', Voters) + (Learners.IsEmpty ? "" : $" + {string.Join(' ', Learners)}");
}
