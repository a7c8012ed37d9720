using System.ComponentModel.DataAnnotations;
using KvStore.Contracts;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>Limits and defaults of the HTTP API.</summary>
internal sealed class ApiOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "KvStore:Api";

    /// <summary>Bytes of a value: 1 to 16 MiB.</summary>
    [Range(1, 16 << 20)]
    public int MaxValueBytes { get; set; } = 1 << 20;

    /// <summary>Bytes of request bodies held at once; beyond it requests are refused as overload.</summary>
    [Range(16 << 20, long.MaxValue)]
    public long MaxBodyBytesInFlight { get; set; } = 256L << 20;

    /// <summary>Requests for keys in progress at once; beyond it requests are refused as overload.</summary>
    [Range(1, 1_000_000)]
    public int MaxRequestsInFlight { get; set; } = 20_000;

    /// <summary>How long a request may take that names no deadline.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:01:00")]
    public TimeSpan DefaultTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Copies that a write waits for which does not say (<c>KVSTORE_DEFAULT_ACK</c>).</summary>
    public Ack DefaultAck { get; set; } = Ack.Quorum;

    /// <summary>What a read promises that does not say (<c>KVSTORE_DEFAULT_CONSISTENCY</c>).</summary>
    public Consistency DefaultConsistency { get; set; }

    /// <summary>
    /// Bytes of a body that may carry a value: the largest value in base64, and room for the envelope around it.
    /// </summary>
    public long MaxEnvelopeBytes => (MaxValueBytes / 3 + 1) * 4L + EnvelopeRoom;

    private const int EnvelopeRoom = 4096;
}
