using KvStore.Core.Membership;
using KvStore.Node.Options;

namespace KvStore.Node.Membership;

/// <summary>This node cannot belong to the cluster it was pointed at; the message says why and what to do.</summary>
internal sealed class FormationException(string message) : Exception(message);

/// <summary>
/// How a cluster is born: every node asks all configured addresses who lives there, and when all have answered, each
/// comes to the same first view by itself. A node that finds a cluster already born takes its view. In that the node
/// may stand on another disk: a wiped disk has forgotten votes and entries and must not pass for the old one, so it has
/// to ask to be taken in as another member.
/// </summary>
internal static class ClusterFormation
{
    /// <summary>
    /// The view, once all that is needed is known; null with <paramref name="waitingFor"/> until then. A member by this
    /// node's name is in it.
    /// </summary>
    /// <param name="self">This node.</param>
    /// <param name="options">What it was told.</param>
    /// <param name="addresses">Where the others are.</param>
    /// <param name="answers">What they said.</param>
    /// <param name="waitingFor">What is missing, in a sentence.</param>
    /// <param name="former">The cluster whose data was damaged here: the node goes back to that one or to none.</param>
    /// <exception cref="FormationException">The nodes disagree in a way that waiting does not mend.</exception>
    public static ClusterView? TryForm(
        NodeIdentity self,
        NodeOptions options,
        IReadOnlyList<Uri> addresses,
        IReadOnlyList<PeerDirectory.Peer> answers,
        out string? waitingFor,
        ulong? former = null)
    {
        var others = answers.Where(peer => !IsSelf(self, peer)).ToList();
        var missing = addresses.Except(answers.Select(peer => peer.Url)).ToList();
        waitingFor = missing.Count == 0 ? null : $"waiting for {string.Join(", ", missing.Select(Short))} to answer";
        CheckNames(self, others);
        if (others.Where(peer => peer.Status.ClusterId is not null).ToList() is { Count: > 0 } born)
            return Adopt(self, born, former);
        if (former is { } cluster)
        {
            waitingFor = $"waiting for a member of cluster {ClusterDocument.Hex(cluster)} to answer: this node's data "
                + "was damaged, and it must not begin another cluster";
            return null;
        }

        if (others.Find(peer => peer.Status.FormerClusterId is not null) is { } waiting)
        {
            waitingFor = $"waiting for a member of cluster {waiting.Status.FormerClusterId} to answer: the data of "
                + $"{waiting.Status.Name} was of it, so there is one, and another must not begin";
            return null;
        }

        if (missing.Count > 0)
            return null;
        CheckSettings(options, others);
        return ClusterView.Birth(
            others.Select(peer => (peer.Status.Name, ClusterDocument.Parse(peer.Status.Incarnation)))
                .Append((self.Name, self.Incarnation)),
            options.Partitions,
            options.ReplicationFactor);
    }

    private static bool IsSelf(NodeIdentity self, PeerDirectory.Peer peer) =>
        peer.Status.Name == self.Name && peer.Status.Incarnation == ClusterDocument.Hex(self.Incarnation);

    private static ClusterView Adopt(NodeIdentity self, List<PeerDirectory.Peer> all, ulong? former)
    {
        var born = all[0];
        if (all.Find(peer => peer.Status.ClusterId != born.Status.ClusterId) is { } other)
        {
            throw new FormationException(
                $"{Short(born.Url)} and {Short(other.Url)} belong to different clusters ({born.Status.ClusterId} and "
                + $"{other.Status.ClusterId}). Point this node at one of them.");
        }

        if (former is { } cluster && ClusterDocument.Hex(cluster) != born.Status.ClusterId)
        {
            throw new FormationException(
                $"The damaged data of this node is of cluster {ClusterDocument.Hex(cluster)}, but {Short(born.Url)} is "
                + $"of {born.Status.ClusterId}. Point this node at its own cluster, or start it on empty directories.");
        }

        var view = all.Select(peer => ViewOf(peer)).MaxBy(view => view.Epoch)!;
        CheckNotReplaced(self, view);
        return view.Members.Any(member => member.Name == self.Name)
            ? view
            : throw new FormationException(
                $"The cluster at {Short(born.Url)} has no member named {self.Name}. It was formed without this node; "
                + "start it under one of the names it knows, or form a new cluster on empty directories.");
    }

    /// <summary>
    /// A node on the disk of one cluster among the nodes of another would take writes that these never see. It ends
    /// when more than half of the addresses that it was given, its own among them, belong to another; a single
    /// stray ends nobody.
    /// </summary>
    /// <exception cref="FormationException">It is the stray.</exception>
    public static void CheckCompany(
        NodeIdentity self, ClusterView view, int otherAddresses, IReadOnlyList<PeerDirectory.Peer> peers)
    {
        var mine = ClusterDocument.Hex(view.ClusterId);
        var others = peers.Where(peer => peer.Status.ClusterId is { } id && id != mine)
            .GroupBy(peer => peer.Status.ClusterId)
            .MaxBy(group => group.Count());
        if (others is null || 2 * others.Count() <= otherAddresses + 1)
            return;
        var where = string.Join(", ", others.Select(peer => Short(peer.Url)));
        throw new FormationException(
            $"The disk of {self.Name} belongs to cluster {mine}, but {where} belong to {others.Key}. Start it with the "
            + "addresses of its own cluster, or, to give it to the other one, on an empty directory.");
    }

    /// <exception cref="FormationException">The cluster has put another disk in the place of this one.</exception>
    public static void CheckNotReplaced(NodeIdentity self, ClusterView view)
    {
        if (view.Removed.Any(member => member.Incarnation == self.Incarnation))
        {
            throw new FormationException(
                $"This disk ({ClusterDocument.Hex(self.Incarnation)}) is no longer {self.Name}'s: the cluster went on "
                + "with another one in its place, and what is here may be out of date. Start the node on the other "
                + "directory, or on an empty one.");
        }
    }

    private static ClusterView ViewOf(PeerDirectory.Peer peer) => ClusterDocument.TryViewOf(peer.Status)
        ?? throw new FormationException(
            $"The members that {Short(peer.Url)} names do not make the cluster {peer.Status.ClusterId} that it names.");

    private static void CheckNames(NodeIdentity self, List<PeerDirectory.Peer> others)
    {
        var twice = others.Select(peer => (peer.Status.Name, peer.Url)).Append((self.Name, self.Url))
            .GroupBy(node => node.Item1, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1);
        if (twice is not null)
        {
            throw new FormationException(
                $"Two nodes are named {twice.Key}: {string.Join(" and ", twice.Select(node => Short(node.Item2)))}. "
                + "Give each its own NODE_NAME.");
        }
    }

    private static void CheckSettings(NodeOptions options, List<PeerDirectory.Peer> others)
    {
        var odd = others.Find(peer => peer.Status.Partitions != options.Partitions
            || peer.Status.ReplicationFactor != options.ReplicationFactor);
        if (odd is not null)
        {
            throw new FormationException(
                $"{odd.Status.Name} was started with {odd.Status.Partitions} partitions and replication factor "
                + $"{odd.Status.ReplicationFactor}, this node with {options.Partitions} and "
                + $"{options.ReplicationFactor}. "
                + "All nodes of a new cluster need the same KVSTORE_PARTITIONS and REPLICATION_FACTOR.");
        }
    }

    private static string Short(Uri url) => url.GetLeftPart(UriPartial.Authority);
}
