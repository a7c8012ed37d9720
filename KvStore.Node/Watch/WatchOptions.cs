using System.ComponentModel.DataAnnotations;

namespace KvStore.Node.Watch;

/// <summary>Limits of watches.</summary>
internal sealed class WatchOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "KvStore:Watch";

    /// <summary>Watches and waiting reads that are open at once; beyond it they are refused.</summary>
    [Range(1, 1_000_000)]
    public int MaxWatches { get; set; } = 20_000;

    /// <summary>How long a stream lasts; then its reader comes again. Platforms cut longer ones off.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan LongestStream { get; set; } = TimeSpan.FromSeconds(200);
}
