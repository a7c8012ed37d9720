using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// The way from the members a group has to the members it should have, one step at a time. Who is lost for ever goes
/// first: it is no copy any more, and a voter that never answers is one more that must not fail. Newcomers learn,
/// become voters one by one, and only when all are in does anybody else leave. So a group at no time gives up a copy
/// that it has before it has another.
/// </summary>
public static class ConfigurationPlan
{
    /// <summary>What a primary should do next; null: nothing, or nothing yet.</summary>
    /// <param name="primary">The group's primary.</param>
    /// <param name="wanted">The voters that the group should have; at least one.</param>
    /// <param name="lost">Members whose disks are lost for ever.</param>
    public static Input? Next(Replica primary, ImmutableArray<NodeId> wanted, ImmutableArray<NodeId> lost)
    {
        if (!primary.MayReconfigure)
            return null;
        var now = primary.Configuration;
        if (now.Voters.FirstOrDefault(voter => voter != primary.Primary && lost.Contains(voter)) is var dead
            && dead != NodeId.None)
            return new Input.Reconfigure(new GroupConfiguration(now.Voters.Remove(dead), now.Learners));
        var learners = wanted.RemoveRange(now.Voters);
        if (!learners.ToHashSet().SetEquals(now.Learners))
            return new Input.Reconfigure(new GroupConfiguration(now.Voters, learners));
        if (learners.FirstOrDefault(primary.IsCaughtUp) is var ready && ready != NodeId.None)
            return new Input.Reconfigure(new GroupConfiguration(now.Voters.Add(ready), learners.Remove(ready)));
        if (!learners.IsEmpty)
            return null;
        var leaving = now.Voters.RemoveRange(wanted);
        if (leaving.FirstOrDefault(voter => voter != primary.Primary) is var gone && gone != NodeId.None)
            return new Input.Reconfigure(new GroupConfiguration(now.Voters.Remove(gone), []));
        if (leaving.IsEmpty || wanted.FirstOrDefault(primary.IsCaughtUp) is var heir && heir == NodeId.None)
            return null;
        return new Input.Transfer(heir);
    }
}
