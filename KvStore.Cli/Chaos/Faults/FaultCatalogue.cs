using System.Collections.Immutable;

namespace KvStore.Cli.Chaos.Faults;

/// <summary>
/// Every kind of fault by its name on the command line. Links carry streams of bytes, which TCP keeps in order and
/// delivers once: single messages that are lost, come twice or overtake each other belong to the simulation.
/// </summary>
internal static class FaultCatalogue
{
    /// <summary>The word for no fault at all.</summary>
    public const string None = "none";

    private const string Partition = "partition";
    private const string Link = "link";
    private const string Disk = "disk";

    private static readonly ImmutableArray<FaultKind> All =
    [
        new("kill", null, new KillFault(isAll: false), "SIGKILL to one node"),
        new("kill-all", null, new KillFault(isAll: true), "SIGKILL to all nodes at once"),
        new("stop", null, new StopFault(), "SIGTERM to one node: it hands over, ends, and comes back"),
        new("pause", null, new PauseFault(), "SIGSTOP for 0.1 to 20 s, then SIGCONT; mostly who leads most"),
        new("lost-disk", Disk, new LostDiskFault(), "one node dies and comes back with nothing"),
        new("slow-disk", Disk, new SlowDiskFault(), "one node's flushes take 100 times as long as this machine's"),
        new("hanging-disk", Disk, new HangingDiskFault(), "one node's flushes do not return before the fault ends"),
        new("full-disk", Disk, new FullDiskFault(), "one node, or all, have no room: values are refused with 507"),
        new("failing-flush", Disk, new FailingFlushFault(), "one flush fails: its node must end, and may come back"),
        new("partition-one", Partition, new PartitionFault(Partitions.OneOff), "one node is alone"),
        new("partition-halves", Partition, new PartitionFault(Partitions.Halves), "two camps"),
        new("partition-bridge", Partition, new PartitionFault(Partitions.Bridge), "two camps, and one node in both"),
        new("partition-ring", Partition, new PartitionFault(Partitions.Ring), "each reaches its neighbours only"),
        new("partition-mute", Partition, new PartitionFault(Partitions.Mute), "one node hears all, nobody hears it"),
        new("partition-deaf", Partition, new PartitionFault(Partitions.Deaf), "one node hears nobody, all hear it"),
        new("delay", Link, new BadLinksFault(BadLinksFault.Delayed), "up to 400 ms late, each piece differently"),
        new("throttle", Link, new BadLinksFault(BadLinksFault.Throttled), "4 to 512 KiB a second"),
        new("trickle", Link, new BadLinksFault(BadLinksFault.Trickling), "a few bytes at a time"),
        new("torn", Link, new BadLinksFault(BadLinksFault.Torn), "a reset in the middle of a message"),
        new("truncated", Link, new BadLinksFault(BadLinksFault.Truncated), "an orderly end in the middle of a message"),
        new("half-open", Link, new BadLinksFault(BadLinksFault.HalfOpen), "the same, of which only one side hears"),
        new("swizzle", Link, new SwizzleFault(), "links clog one by one, and clear in another order"),
    ];

    private static readonly ImmutableArray<string> Families = ["all", Partition, Link, Disk, None];

    /// <summary>All words that <see cref="Parse"/> takes.</summary>
    public static string Words => string.Join(", ", All.Select(kind => kind.Name).Concat(Families));

    /// <summary>A line for each kind.</summary>
    public static string Table =>
        string.Join('\n', All.Select(kind => $"{kind.Name,-17} {kind.Meaning}"));

    public static IFault Find(string name) => All.Single(kind => kind.Name == name).Fault;

    /// <summary>Reads a list of kinds, separated by commas.</summary>
    /// <returns>The kinds; null with the first word that is none.</returns>
    public static (ImmutableArray<string>? Kinds, string? Unknown) Parse(string text)
    {
        if (text == None)
            return ([], null);
        List<string> kinds = [];
        foreach (var word in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var meant = All.Where(kind => word == kind.Name || word == kind.Family || word == Families[0]).ToList();
            if (meant.Count == 0)
                return (null, word);
            kinds.AddRange(meant.Select(kind => kind.Name));
        }

        return ([.. kinds.Distinct()], null);
    }

    /// <summary>
    /// Which faults strike in a round, counted from 1. Each kind strikes once, in an order drawn anew, before any does
    /// again; now and then another one with it that does not get in its way.
    /// </summary>
    public static ImmutableArray<string> Draw(ImmutableArray<string> kinds, int seed, int round)
    {
        if (kinds.IsEmpty)
            return [];
        var (turn, place) = Math.DivRem(round - 1, kinds.Length);
        string[] order = [.. kinds];
        new Random(Seeds.Of(seed, turn, -2)).Shuffle(order);
        var (first, random) = (order[place], new Random(Seeds.Of(seed, round, -3)));
        string[] others = [.. kinds.Where(kind => Find(kind).Group != Find(first).Group)];
        var isPair = random.Next(4) == 0 && others.Length > 0;
        return isPair ? [first, others[random.Next(others.Length)]] : [first];
    }

    /// <param name="Name">Its word.</param>
    /// <param name="Family">A word for several kinds.</param>
    /// <param name="Fault">Does it.</param>
    /// <param name="Meaning">A line of help.</param>
    private sealed record FaultKind(string Name, string? Family, IFault Fault, string Meaning);
}
