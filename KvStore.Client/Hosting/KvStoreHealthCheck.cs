using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace KvStore.Client.Hosting;

/// <summary>Whether the store answers that it is there.</summary>
internal sealed class KvStoreHealthCheck(KvStoreClient client) : IHealthCheck
{
    /// <inheritdoc/>
    public async Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await client.PingAsync(cancellationToken).ConfigureAwait(false);
            return HealthCheckResult.Healthy();
        }
        catch (KvStoreException failure)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, failure.Message, failure);
        }
    }
}
