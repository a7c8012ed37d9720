using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace KvStore.Balancer.Options;

/// <summary>Limits and times of the balancer.</summary>
internal sealed class BalancerOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "KvStore:Balancer";

    /// <summary>The most that <see cref="MaxValueBytes"/> may be.</summary>
    public const int LargestValueBytes = 16 << 20;

    private const int EnvelopeRoom = 4096;

    /// <summary>Bytes of a value, as on the nodes: 1 to 16 MiB.</summary>
    [Range(1, LargestValueBytes)]
    public int MaxValueBytes { get; set; } = 1 << 20;

    /// <summary>
    /// Bytes of request bodies held at once, of all requests; beyond it requests are refused as overload.
    /// </summary>
    [Range(32 << 20, long.MaxValue)]
    public long MaxHeldBytes { get; set; } = 256L << 20;

    /// <summary>
    /// Requests on their way to nodes at once, not counting those that wait for changes; beyond it requests are refused
    /// as overload.
    /// </summary>
    [Range(1, 1_000_000)]
    public int MaxRequestsInFlight { get; set; } = 4096;

    /// <summary>How long a request may take that names no deadline.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:01:00")]
    public TimeSpan DefaultTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How often each node is asked for its status.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:01:00")]
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a node may take to answer that.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:01:00")]
    public TimeSpan PollTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Bytes of a body that may carry a value: the largest value in base64, and room for the envelope.
    /// </summary>
    public int MaxBodyBytes => (MaxValueBytes / 3 + 1) * 4 + EnvelopeRoom;
}

/// <summary>Proves <see cref="BalancerOptions"/> before the first request.</summary>
[OptionsValidator]
internal sealed partial class BalancerOptionsValidator : IValidateOptions<BalancerOptions>;
