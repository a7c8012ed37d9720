using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Membership;

namespace KvStore.Node.Replication;

/// <summary>What became of a node's wish to be taken in.</summary>
internal abstract record JoinOutcome
{
    /// <summary>It is a member on that disk.</summary>
    public sealed record Joined(ClusterView View) : JoinOutcome;

    /// <summary>It will not be one, however often it asks.</summary>
    public sealed record Refused(string Why) : JoinOutcome;

    /// <summary>Not now, or not by this node.</summary>
    public sealed record NotNow(string Why) : JoinOutcome;
}

/// <summary>
/// Takes a node in that comes back on another disk: as a new member in the old one's place. The system group decides,
/// by a conditional write of the view that it keeps, so of two that ask at once one after the other is taken in. Who
/// asks is not believed: the node must be found on that disk at an address of the cluster.
/// </summary>
internal sealed class MemberReplacement(
    CurrentView current,
    PeerDirectory directory,
    PartitionRouter router,
    PeerTransport transport,
    ViewKeeper keeper,
    TimeProvider time)
{
    private const string ContentType = "application/json";
    private static ReadOnlySpan<byte> ViewKey => "view"u8;

    public async Task<JoinOutcome> ReplaceAsync(string name, ulong incarnation, CancellationToken deadline)
    {
        if (current.View is not { } known)
            return new JoinOutcome.NotNow("This node is still forming its cluster.");
        if (await router.ReadAsync(known.SystemGroup, deadline).ConfigureAwait(false) is not ReadOutcome.Ready ready)
        {
            return new JoinOutcome.NotNow(
                "This node is not the primary of the system group, or no majority of that answers.");
        }
        var stored = ready.Image.Find(BucketId.Default, ViewKey);
        var view = stored is null ? known : ClusterDocument.Decode(stored.Value.Span);
        if (view.Members.Any(member => member.Name == name && member.Incarnation == incarnation))
            return await FollowedAsync(view).ConfigureAwait(false);
        if (Objection(view, name, incarnation) is { } objection)
            return objection;
        var peers = await directory.AskAllAsync(deadline).ConfigureAwait(false);
        if (!peers.Any(peer => peer.Status.Name == name && peer.Incarnation == incarnation))
            return new JoinOutcome.NotNow($"No node at a configured address says that it is {name} on that disk.");
        var next = view.Replace(name, incarnation);
        var outcome = await router.WriteAsync(known.SystemGroup, Store(next, stored), Ack.Quorum, deadline)
            .ConfigureAwait(false);
        return outcome is WriteOutcome.Committed { Result.Status: WriteStatus.Created or WriteStatus.Replaced }
            ? await FollowedAsync(next).ConfigureAwait(false)
            : new JoinOutcome.NotNow("The system group did not take the change in time, or took another one first.");
    }

    private JoinOutcome? Objection(ClusterView view, string name, ulong incarnation)
    {
        if (view.Members.FirstOrDefault(member => member.Name == name) is not { } old)
            return new JoinOutcome.Refused($"The cluster has no member named {name}.");
        if (view.Removed.Any(member => member.Incarnation == incarnation))
            return new JoinOutcome.Refused($"Another disk has taken the place of this one of {name}.");
        return old.Id == current.Self || transport.IsConnected(old.Id)
            ? new JoinOutcome.NotNow($"{name} is running on the disk that the cluster knows it by; stop it first.")
            : null;
    }

    private Command.Change Store(ClusterView view, StoredEntry? before) => new()
    {
        TimeMs = time.GetUtcNow().ToUnixTimeMilliseconds(),
        Bucket = BucketId.Default,
        Operation = new Operation.Put
        {
            Key = ViewKey.ToArray(),
            Value = ClusterDocument.Encode(view),
            ContentType = ContentType,
            Condition = before is null ? new Condition.Absent() : new Condition.VersionIn([before.Version]),
        },
    };

    private async Task<JoinOutcome> FollowedAsync(ClusterView view)
    {
        await keeper.FollowAsync(view).ConfigureAwait(false);
        return new JoinOutcome.Joined(view);
    }
}
