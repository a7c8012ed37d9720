using System.Diagnostics.Metrics;
using KvStore.Balancer.Membership;

namespace KvStore.Balancer.Telemetry;

/// <summary>What is counted, and told when somebody collects; nothing on the path of a request that succeeds.</summary>
internal sealed class BalancerMetrics : IDisposable
{
    private readonly Meter _meter;
    private long _retries;
    private long _expired;
    private long _refused;

    public BalancerMetrics(IMeterFactory meters, CurrentView views)
    {
        _meter = meters.Create(BalancerTracing.Name);
        Count("kvstore.balancer.retries", () => Interlocked.Read(ref _retries), "{attempt}",
            "Attempts after the first, of requests whose node did not answer.");
        Count("kvstore.balancer.expired", () => Interlocked.Read(ref _expired), "{request}",
            "Requests that were given up, as their time was over or they could not be sent again.");
        Count("kvstore.balancer.refused", () => Interlocked.Read(ref _refused), "{request}",
            "Requests that were refused since too many were on their way.");
        _meter.CreateObservableGauge(
            "kvstore.balancer.node.up",
            () => views.Value.Nodes.Select(node => new Measurement<int>(
                node.IsUp ? 1 : 0, new KeyValuePair<string, object?>("kvstore.peer", NameOf(node)))),
            unit: null,
            "Whether a node answers: 1, or 0.");
    }

    public void Retried() => Interlocked.Increment(ref _retries);

    public void Expired() => Interlocked.Increment(ref _expired);

    public void Refused() => Interlocked.Increment(ref _refused);

    /// <summary>Has what is waiting told of whenever somebody collects.</summary>
    public void Observe(Func<long> requests, Func<long> bytes)
    {
        _meter.CreateObservableUpDownCounter(
            "kvstore.balancer.requests", requests, "{request}", "Requests on their way to nodes.");
        _meter.CreateObservableUpDownCounter(
            "kvstore.balancer.held", bytes, "By", "Request bodies held, so that they can be sent again.");
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private static string NameOf(ObservedNode node) => node.Destination.Name ?? node.Url.Authority;

    private void Count(string name, Func<long> value, string unit, string text) =>
        _meter.CreateObservableCounter(name, value, unit, text);
}
