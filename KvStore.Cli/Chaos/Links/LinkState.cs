namespace KvStore.Cli.Chaos.Links;

/// <summary>How a link treats what passes over it.</summary>
internal sealed record LinkState
{
    /// <summary>A link without a fault.</summary>
    public static LinkState Open { get; } = new();

    /// <summary>A link that ends every connection with a reset.</summary>
    public static LinkState Cut { get; } = new() { IsCut = true };

    /// <summary>A link that swallows: connections stay, and nothing arrives before it opens again.</summary>
    public static LinkState Clogged { get; } = new() { IsClogged = true };

    public bool IsCut { get; init; }

    public bool IsClogged { get; init; }

    /// <summary>How long each piece is held back.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>Up to so much is added to <see cref="Delay"/>, differently for each piece.</summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>The largest piece that is passed on at once.</summary>
    public int MaxPieceBytes { get; init; } = 64 << 10;

    /// <summary>Of a thousand pieces, how many are passed on in part only, before the connection is reset.</summary>
    public int TornPerMille { get; init; }
}
