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

    /// <summary>How much each connection carries; 0 for as much as comes.</summary>
    public int BytesPerSecond { get; init; }

    /// <summary>The largest piece that is passed on at once.</summary>
    public int MaxPieceBytes { get; init; } = 64 << 10;

    /// <summary>Of a thousand pieces, how many are passed on in part only, before the connection breaks.</summary>
    public int BreaksPerMille { get; init; }

    /// <summary>How it breaks then.</summary>
    public LinkBreak Break { get; init; }

    /// <summary>How long a piece is held back, given a number from 0 to 1.</summary>
    public TimeSpan HoldOf(int bytes, double chance)
    {
        var carried = BytesPerSecond == 0 ? TimeSpan.Zero : TimeSpan.FromSeconds((double)bytes / BytesPerSecond);
        return Delay + (Jitter * chance) + carried;
    }
}

/// <summary>How a connection breaks.</summary>
internal enum LinkBreak
{
    /// <summary>Both sides are reset.</summary>
    Reset,

    /// <summary>Both sides see an orderly end.</summary>
    End,

    /// <summary>Who sent is reset; the other side hears nothing any more, until the link changes.</summary>
    Silence,
}
