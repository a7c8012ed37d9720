using System.Diagnostics.Metrics;

namespace KvStore.Balancer.Telemetry;

/// <summary>What is counted; nothing on the path of a request that succeeds at once.</summary>
internal sealed class BalancerMetrics : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _retries;
    private readonly Counter<long> _expired;

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
    }

    public void Retried() => _retries.Add(1);

    public void Expired() => _expired.Add(1);

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();
}
