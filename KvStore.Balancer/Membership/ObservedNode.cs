using KvStore.Contracts;

namespace KvStore.Balancer.Membership;

/// <summary>What is known of the node at one address; immutable.</summary>
internal sealed record ObservedNode
{
    /// <summary>Where it is.</summary>
    public required Uri Url { get; init; }

    /// <summary>Where its requests go.</summary>
    public required Destination Destination { get; init; }

    /// <summary>Whether it has been asked at all: until then nobody knows whose it is.</summary>
    public bool WasAsked { get; init; }

    /// <summary>Whether requests go to it.</summary>
    public bool IsUp { get; init; }

    /// <summary>
    /// How many times in a row it did not answer in time, nor any request meanwhile, or not as a node does.
    /// </summary>
    public int Misses { get; init; }

    /// <summary>When it was found to be down, as a time stamp; null while it is up, or was never up.</summary>
    public long? FellAt { get; init; }

    /// <summary>Its last answer.</summary>
    public NodeStatus? Status { get; init; }

    /// <summary>The cluster as it last told it.</summary>
    public ClusterStatus? Cluster { get; init; }

    /// <summary>A node that was never heard of.</summary>
    public static ObservedNode At(Uri url) => new()
    {
        Url = url,
        Destination = new(url.GetLeftPart(UriPartial.Authority), null),
    };

    /// <summary>After it answered.</summary>
    public ObservedNode Answered(NodeStatus status, ClusterStatus? cluster) => this with
    {
        Destination = Destination.Named(status.Name),
        WasAsked = true,
        IsUp = true,
        FellAt = null,
        Misses = 0,
        Status = status,
        Cluster = cluster ?? Cluster,
    };

    /// <summary>After it was found to be down: requests that wait for it are to be let go by the caller.</summary>
    public ObservedNode Fell(long now) => this with
    {
        Destination = new(Destination.Prefix, Destination.Name),
        WasAsked = true,
        IsUp = false,
        FellAt = now,
        Misses = 0,
    };
}
