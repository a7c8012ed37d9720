using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;

namespace KvStore.Tests.Simulation;

/// <summary>
/// What a ring and a cluster view are in the product: which nodes should keep which group, and which disks are lost for
/// ever. The groups' own logs say who keeps them; their primaries move them here step by step.
/// </summary>
internal sealed class Placement(Simulator world)
{
    private readonly ImmutableArray<NodeId>[] _wanted =
        [.. Enumerable.Range(0, world.Swarm.GroupCount).Select(group => Born(world.Swarm, group))];

    /// <summary>Those whose disks are lost.</summary>
    public ImmutableArray<NodeId> Lost { get; private set; } = [];

    /// <summary>The voters that a group is born with: some nodes in a row, another first in each group.</summary>
    public static ImmutableArray<NodeId> Born(Swarm swarm, int group) =>
        [.. Enumerable.Range(0, swarm.VoterCount).Select(place => new NodeId(((group + place) % swarm.NodeCount) + 1))];

    public ImmutableArray<NodeId> Wanted(PartitionId group) => _wanted[group.Value];

    /// <summary>The first that is wanted, in worlds that have a preference.</summary>
    public NodeId Preferred(PartitionId group) => world.Swarm.HasPreferred ? Wanted(group)[0] : NodeId.None;

    /// <summary>Other nodes should keep the group, as many as before.</summary>
    public void Move(PartitionId group, Random random)
    {
        var present = world.Present.Select(node => node.Id).ToArray();
        random.Shuffle(present);
        _wanted[group.Value] = [.. present.Take(world.Swarm.VoterCount)];
    }

    /// <summary>
    /// Whether this disk may be lost now: not when some log tells of voters of which then no majority would be left.
    /// </summary>
    public bool MayLose(SimulatedNode node) =>
        world.HasRoomForNodes && Configurations().All(kept => HasMajorityWithout(kept, node.Id));

    /// <summary>Whether a group with these voters could go on.</summary>
    public bool MayOrder(GroupConfiguration next) => HasMajorityWithout(next, NodeId.None);

    private bool HasMajorityWithout(GroupConfiguration kept, NodeId lost) =>
        kept.Voters.Count(voter => voter != lost && !world.Node(voter).IsGone) > kept.Voters.Length / 2;

    private IEnumerable<GroupConfiguration> Configurations() => world.Present.SelectMany(node => node.Configurations());

    /// <summary>A disk is lost; its owner comes back as another member that knows nothing.</summary>
    public void LoseDisk(SimulatedNode lost)
    {
        lost.LoseDisk();
        Lost = Lost.Add(lost.Id);
        var heir = world.AddNode();
        for (var group = 0; group < _wanted.Length; group++)
        {
            if (_wanted[group].Contains(lost.Id))
                _wanted[group] = _wanted[group].Replace(lost.Id, heir.Id);
        }

        heir.Start();
    }
}
