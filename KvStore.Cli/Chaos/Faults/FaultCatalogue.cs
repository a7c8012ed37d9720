using System.Collections.Immutable;

namespace KvStore.Cli.Chaos.Faults;

/// <summary>Every kind of fault by its name on the command line.</summary>
internal static class FaultCatalogue
{
    private static readonly ImmutableSortedDictionary<string, IFault> All =
        ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, new Dictionary<string, IFault>
        {
            ["kill"] = new KillFault(isAll: false),
            ["kill-all"] = new KillFault(isAll: true),
            ["pause"] = new PauseFault(),
            ["lost-disk"] = new LostDiskFault(),
            ["partition-one"] = new PartitionFault(Partitions.OneOff),
            ["partition-halves"] = new PartitionFault(Partitions.Halves),
            ["partition-bridge"] = new PartitionFault(Partitions.Bridge),
            ["partition-ring"] = new PartitionFault(Partitions.Ring),
            ["partition-oneway"] = new PartitionFault(Partitions.OneWay),
            ["delay"] = new SlowLinksFault(SlowLinksFault.Delayed),
            ["trickle"] = new SlowLinksFault(SlowLinksFault.Trickling),
            ["torn"] = new SlowLinksFault(SlowLinksFault.Torn),
            ["swizzle"] = new SwizzleFault(),
        });

    /// <summary>One word for several kinds.</summary>
    private static readonly ImmutableDictionary<string, string[]> Families =
        ImmutableDictionary.CreateRange(StringComparer.Ordinal, new Dictionary<string, string[]>
        {
            ["all"] = [.. All.Keys],
            ["partition"] = [.. All.Keys.Where(kind => kind.StartsWith("partition-", StringComparison.Ordinal))],
        });

    /// <summary>All words that <see cref="Parse"/> takes.</summary>
    public static string Words => string.Join(", ", All.Keys.Concat(Families.Keys.Order(StringComparer.Ordinal)));

    public static IFault Find(string kind) => All[kind];

    /// <summary>Reads a list of kinds, separated by commas.</summary>
    /// <returns>The kinds; null with the first word that is none.</returns>
    public static (ImmutableArray<string>? Kinds, string? Unknown) Parse(string text)
    {
        var words = text.Split(',', StringSplitOptions.TrimEntries);
        if (Array.Find(words, word => !All.ContainsKey(word) && !Families.ContainsKey(word)) is { } unknown)
            return (null, unknown);
        return ([.. words.SelectMany(word => Families.GetValueOrDefault(word, [word])).Distinct()], null);
    }
}
