using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace KvStore.Client.Hosting;

/// <summary>
/// Whether the store answers that it serves, as <see cref="KvStoreClient.PingAsync(CancellationToken)"/> tells.
/// </summary>
internal sealed class KvStoreHealthCheck(KvStoreClient client) : IHealthCheck
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(3);    // who looks at it does not wait longer

    /// <inheritdoc/>
    public async Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            var timeout = client.Patience < Longest ? client.Patience : Longest;
            await client.PingAsync(timeout, cancellationToken).ConfigureAwait(false);
            return HealthCheckResult.Healthy();
        }
        catch (KvStoreException failure)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, failure.Message, failure);
        }
    }
}
