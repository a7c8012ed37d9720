using System.Collections.Immutable;

namespace KvStore.Cli.Chaos.Load;

/// <summary>Every kind of work by its name on the command line.</summary>
internal static class LoadCatalogue
{
    private const string All = "all";

    private static readonly ImmutableArray<LoadKind> Kinds =
    [
        new("registers", RegisterLoad.Over, "reads, writes, deletes and conditional ones of single keys"),
        new("races", RaceLoad.Over, "writes through every door at once under the same condition: one may win"),
        new("counters", CounterLoad.Over, "increments, repeated under their names: none is lost, none counts twice"),
        new("transfers", TransferLoad.Over, "transactions between 10 accounts, and reads of all: no unit is lost"),
    ];

    /// <summary>All words that <see cref="Parse"/> takes.</summary>
    public static string Words => string.Join(", ", Kinds.Select(kind => kind.Name).Append(All));

    /// <summary>A line for each kind.</summary>
    public static string Table => string.Join('\n', Kinds.Select(kind => $"{kind.Name,-17} {kind.Meaning}"));

    /// <summary>Reads a list of kinds, separated by commas.</summary>
    /// <returns>The kinds; null with the first word that is none.</returns>
    public static (ImmutableArray<string>? Kinds, string? Unknown) Parse(string text)
    {
        var words = text.Split(',', StringSplitOptions.TrimEntries);
        if (words.FirstOrDefault(word => word != All && Kinds.All(kind => kind.Name != word)) is { } unknown)
            return (null, unknown);
        return ([.. Kinds.Select(kind => kind.Name).Where(name => words.Contains(name) || words.Contains(All))], null);
    }

    /// <summary>Work on fresh keys.</summary>
    /// <param name="names">Which.</param>
    /// <param name="prefix">What all keys begin with.</param>
    /// <param name="keys">How many at a time, where the kind leaves it open.</param>
    public static ImmutableArray<ILoad> Make(IEnumerable<string> names, string prefix, int keys) =>
        [.. names.Select(name => Kinds.Single(kind => kind.Name == name).Over(prefix, keys))];

    private sealed record LoadKind(string Name, Func<string, int, ILoad> Over, string Meaning);
}
