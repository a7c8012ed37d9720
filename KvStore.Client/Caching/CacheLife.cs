using System.Globalization;
using KvStore.Contracts;
using Microsoft.Extensions.Caching.Distributed;

namespace KvStore.Client.Caching;

/// <summary>
/// How long an entry is kept. The store ends it by its time to live; what is needed to renew one that slides, and to
/// tell that one is over which the store has still, stands in its metadata.
/// </summary>
/// <param name="Sliding">How long it is kept after it was used; null: use does not matter.</param>
/// <param name="End">When it ends at the latest; null: never.</param>
internal readonly record struct CacheLife(TimeSpan? Sliding, DateTimeOffset? End)
{
    private const string SlidingMs = "cache-sliding-ms";
    private const string EndMs = "cache-end-ms";
    private const int Shares = 8;

    /// <summary>Servers tell the time in whole seconds, and their clock's last one.</summary>
    private static readonly TimeSpan Blur = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    /// <summary>The store alone ends it: no reader needs the end, or could tell it by another clock.</summary>
    private bool IsLeftToStore { get; init; }

    /// <summary>What a reader needs to know of it; null: nothing.</summary>
    public IReadOnlyDictionary<string, string>? Metadata
    {
        get
        {
            var metadata = new Dictionary<string, string>();
            if (Sliding is { } sliding)
                metadata[SlidingMs] = Text((long)sliding.TotalMilliseconds);
            if (End is { } end && !IsLeftToStore)
                metadata[EndMs] = Text(end.ToUnixTimeMilliseconds());
            return metadata.Count > 0 ? metadata : null;
        }
    }

    /// <summary>What the options of a new entry ask for.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Its end is not in the future.</exception>
    public static CacheLife Of(DistributedCacheEntryOptions options, DateTimeOffset now)
    {
        if (options.AbsoluteExpiration <= now)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options),
                options.AbsoluteExpiration,
                "The absolute expiration value must be in the future.");
        }

        return new CacheLife(
            options.SlidingExpiration is { } sliding ? Within(sliding) : null,
            options.AbsoluteExpirationRelativeToNow is { } life ? now + Within(life) : options.AbsoluteExpiration)
        {
            IsLeftToStore = options is { AbsoluteExpirationRelativeToNow: not null, SlidingExpiration: null },
        };
    }

    /// <summary>The time to live of a key that is nearest to what is asked for.</summary>
    public static TimeSpan Within(TimeSpan life) =>
        life < Shortest ? Shortest : life > KvTtl.Max ? KvTtl.Max : life;

    /// <summary>What the metadata of an entry says.</summary>
    public static CacheLife Read(IReadOnlyDictionary<string, string> metadata) => new(
        TryRead(metadata, SlidingMs, out var sliding) ? Within(TimeSpan.FromMilliseconds(sliding)) : null,
        TryRead(metadata, EndMs, out var end)
            ? DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(end, DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()))
            : null);

    /// <summary>Whether its end is past, also where the store has it still.</summary>
    public bool IsOver(DateTimeOffset now) => End <= now;

    /// <summary>How long it is kept when it is stored or used now; null: as the bucket has it.</summary>
    public TimeSpan? TimeToLive(DateTimeOffset now)
    {
        if (End is not { } end)
            return Sliding;
        var left = Within(end - now);
        return Sliding < left ? Sliding : left;
    }

    /// <summary>
    /// How long to keep it from now on, because it was read; null: as it is. It is renewed as soon as that gains an
    /// eighth of its span: so reads seldom write, and it is kept for seven eighths of its span after any of them. What
    /// has more left than it can have is renewed, too: two clocks differ, and how much is left is not known.
    /// </summary>
    /// <param name="now">The time.</param>
    /// <param name="left">How long it is kept as it is, to a second or two; null: that is not known.</param>
    public TimeSpan? Renewal(DateTimeOffset now, TimeSpan? left)
    {
        if (Sliding is null || IsOver(now) || TimeToLive(now) is not { } life)
            return null;
        return left is null || left - life > Blur || life - left + Blur >= Sliding / Shares ? life : null;
    }

    private static bool TryRead(IReadOnlyDictionary<string, string> metadata, string name, out long number)
    {
        number = 0;
        return metadata.TryGetValue(name, out var text)
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number)
            && number <= long.MaxValue / TimeSpan.TicksPerMillisecond / 2;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
