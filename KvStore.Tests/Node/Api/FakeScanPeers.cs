using KvStore.Core.Primitives;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Api;

/// <summary>Other members, each with what it has pinned; calls go over the wire's form. Nobody, unless added.</summary>
internal sealed class FakeScanPeers : IScanPeers
{
    /// <summary>The members that there are; who is null cannot be asked.</summary>
    public Dictionary<NodeId, PinnedSnapshots?> Members { get; } = [];

    public IEnumerable<NodeId> Others => Members.Keys;

    public async Task<PinOutcome?> PinAsync(NodeId peer, PinRequest request, CancellationToken deadline)
    {
        if (Members.GetValueOrDefault(peer) is not { } member)
            return new PinOutcome { Elsewhere = [.. request.Partitions.Select(part => (part, NodeId.None))] };
        var sent = ScanCodec.Decode(ScanCodec.Encode(request, ends: null!), partitionCount: 4096);
        return ScanCodec.Decode(ScanCodec.Encode(await member.PinAsync(sent, deadline)));
    }

    public Task<ScanOutcome?> ScanAsync(
        NodeId peer, ulong snapshot, ScanQuery query, CancellationToken deadline) =>
        Task.FromResult(Members[peer] is { } member
            ? ScanCodec.Decode(
                ScanCodec.Encode(member.Scan(snapshot, ScanCodec.Decode(ScanCodec.Encode(query)))))
            : null);

    public Task<bool?> SettleAsync(NodeId peer, ulong snapshot, PinFate fate, CancellationToken deadline) =>
        Task.FromResult(Members[peer]?.Settle(snapshot, fate));
}
