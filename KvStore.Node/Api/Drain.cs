namespace KvStore.Node.Api;

/// <summary>Turns new requests away once the node has begun to stop; those already begun go on.</summary>
internal sealed class Drain
{
    private volatile bool _hasBegun;

    /// <summary>Whether new requests are refused.</summary>
    public bool HasBegun => _hasBegun;

    /// <summary>From now on new requests are refused; there is no way back.</summary>
    public void Begin() => _hasBegun = true;
}
