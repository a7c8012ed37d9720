using System.Security.Cryptography;
using System.Text;

namespace KvStore.Node.Membership;

/// <summary>
/// What the nodes of one cluster share and nobody else knows, where they are told one: every call of a node to another
/// carries a proof of it, and nodes take no calls without. The proof is a keyed hash (HMAC-SHA256, RFC 2104) of a fixed
/// text, so that the secret is on no wire; who listens there can say the proof after a node, which only TLS prevents.
/// </summary>
internal sealed class ClusterSecret
{
    /// <summary>The fewest characters of a secret.</summary>
    public const int MinLength = 16;

    /// <summary>In, on calls between nodes.</summary>
    public const string Header = "Kv-Cluster-Proof";

    /// <summary>What a call without the right one is told.</summary>
    public const string WhyRefused =
        "Only nodes that know this cluster's secret are heard here: KVSTORE_CLUSTER_SECRET is the same on all of them.";

    private readonly string? _proof;
    private readonly byte[] _bytes = [];

    /// <param name="secret">Null or empty: nobody is asked for a proof.</param>
    public ClusterSecret(string? secret)
    {
        if (string.IsNullOrEmpty(secret))
            return;
        var hash = HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), "KvStore: a node of this cluster, 1"u8);
        _proof = Convert.ToHexStringLower(hash);
        _bytes = Encoding.ASCII.GetBytes(_proof);
    }

    /// <summary>Whether a call comes from a node that knows the secret; always, where there is none.</summary>
    public bool IsProvedBy(HttpRequest request)
    {
        if (_proof is null)
            return true;
        var given = request.Headers[Header].ToString();
        return CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), _bytes);
    }

    /// <summary>Has calls carry the proof.</summary>
    public HttpMessageHandler Prove(HttpMessageHandler inner) => _proof is null ? inner : new Prover(inner, _proof);

    private sealed class Prover(HttpMessageHandler inner, string proof) : DelegatingHandler(inner)
    {
        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.TryAddWithoutValidation(Header, proof);
            return base.SendAsync(request, cancellationToken);
        }
    }
}
