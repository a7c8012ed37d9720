using System.Diagnostics.Metrics;

namespace KvStore.Balancer.Telemetry;

/// <summary>What is counted; nothing on the path of a request that succeeds at once.</summary>
internal sealed class BalancerMetrics : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _retries;
    private readonly Counter<long> _expired;
    private readonly Counter<long> _refused;

    public BalancerMetrics(IMeterFactory meters)
    {
        _meter = meters.Create("KvStore.Balancer");
        _retries = _meter.CreateCounter<long>(
            "kvstore.balancer.retries",
            "{attempt}",
            "Attempts after the first, of requests whose node did not answer.");
        _expired = _meter.CreateCounter<long>(
            "kvstore.balancer.expired",
            "{request}",
            "Requests that no node answered before their deadline.");
        _refused = _meter.CreateCounter<long>(
            "kvstore.balancer.refused",
            "{request}",
            "Requests that were refused since too many were on their way.");
    }

    public void Retried() => _retries.Add(1);

    public void Expired() => _expired.Add(1);

    public void Refused() => _refused.Add(1);

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
}
