using System.Diagnostics.Metrics;
using KvStore.Node.Api;
using KvStore.Node.Replication;
using KvStore.Node.Telemetry;
using KvStore.Node.Watch;

namespace KvStore.Node;

/// <summary>
/// Tells whoever collects how much waits in each place that has a bound, and what was refused there. Nothing is counted
/// for it on the way of a request.
/// </summary>
internal sealed class QueueMetrics : IHostedService, IDisposable
{
    private const string PeerTag = "kvstore.peer";

    private readonly Meter _meter;

    public QueueMetrics(
        IMeterFactory meters,
        AdmissionGate gate,
        PartitionRouter router,
        PeerTransport transport,
        WatchDispatcher watches,
        PinnedSnapshots snapshots)
    {
        _meter = meters.Create(NodeTracing.Name);
        Show("kvstore.requests.active", () => gate.Requests, "{request}", "Requests for keys in progress.");
        Show("kvstore.requests.held", () => gate.Bytes, "By", "Bytes that requests in progress may hold.");
        _meter.CreateObservableCounter(
            "kvstore.requests.refused", () => gate.Refused, "{request}", "Requests refused since too much waits.");
        Show("kvstore.loops.waiting", () => router.Waiting.Items, "{item}", "Calls and messages before the loops.");
        Show("kvstore.loops.held", () => router.Waiting.Bytes, "By", "Payload of what waits before the loops.");
        ShowPeers("kvstore.peers.waiting", link => link.Waiting.Messages, "{message}", "Messages for a peer.");
        ShowPeers("kvstore.peers.held", link => link.Waiting.Bytes, "By", "Payload of entries for a peer.");
        Show("kvstore.watch.streams", () => watches.Count, "{stream}", "Watches and waiting reads.");
        _meter.CreateObservableCounter(
            "kvstore.watch.dropped", () => watches.DroppedCount, "{stream}", "Watches ended, their readers too slow.");
        Show("kvstore.lists.pinned", () => snapshots.Count, "{snapshot}", "States kept for those who read lists.");

        void ShowPeers(string name, Func<PeerLink, long> value, string unit, string text) =>
            _meter.CreateObservableUpDownCounter(
                name,
                () => transport.Links.Select(link => new Measurement<long>(
                    value(link), new KeyValuePair<string, object?>(PeerTag, link.Peer))),
                unit,
                text);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _meter.Dispose();

    private void Show(string name, Func<long> value, string unit, string text) =>
        _meter.CreateObservableUpDownCounter(name, value, unit, text);
}
