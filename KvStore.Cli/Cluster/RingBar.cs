using System.Globalization;
using System.Text;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace KvStore.Cli.Cluster;

/// <summary>
/// The ring as a bar, a cell for each partition in order: above the number of the node that leads it, in that node's
/// colour; below how many of its copies are up. Of a ring with more partitions than cells each cell shows several.
/// </summary>
internal static class RingBar
{
    /// <summary>In a cell: no primary is known.</summary>
    public const char Nobody = '!';

    /// <summary>In a cell: one of several nodes.</summary>
    public const char Several = '*';

    private const string Digits = "123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    private const int LabelWidth = 9;
    private const int MinCells = 8;
    private const int MaxCells = 64;    // to a line
    private const int MaxLines = 4;

    private static readonly string[] Colours =
        ["deepskyblue1", "gold1", "springgreen2", "orchid", "darkorange", "cyan2", "salmon1", "yellowgreen", "grey70"];

    /// <summary>The digit of a node, by its place among all; in its colour.</summary>
    public static string DigitOf(int place) => $"[{ColourOf(place)}]{Digit(place)}[/]";

    /// <summary>Draws it.</summary>
    /// <param name="ring">All partitions.</param>
    /// <param name="nodes">The names of the nodes, by their digits.</param>
    /// <param name="width">Of the terminal.</param>
    public static Rows Draw(IReadOnlyList<PartitionPicture> ring, IReadOnlyList<string?> nodes, int width)
    {
        var perLine = Math.Clamp((width - LabelWidth - 1) / MinCells * MinCells, MinCells, MaxCells);
        var perCell = (ring.Count + (perLine * MaxLines) - 1) / (perLine * MaxLines);
        var cells = ring.Chunk(perCell).Select(slice => Cell.Of(slice, nodes)).ToList();
        List<IRenderable> lines = [];
        foreach (var line in cells.Chunk(perLine))
        {
            lines.Add(Line("primary", line.Select(cell => (cell.Primary, cell.PrimaryStyle))));
            lines.Add(Line("copies", line.Select(cell => (cell.Copies, cell.CopiesStyle))));
        }

        if (perCell > 1)
        {
            var each = $"{perCell} partitions to a cell; {Several}: of several nodes";
            lines.Add(new Markup($"{"",-LabelWidth}[dim]{each}[/]"));
        }

        return new Rows(lines);
    }

    private static Markup Line(string label, IEnumerable<(char Text, string Style)> cells)
    {
        var line = new StringBuilder($"[dim]{label,-LabelWidth}[/]");
        foreach (var (text, style) in cells)
            line.Append(CultureInfo.InvariantCulture, $"[{style}]{text}[/]");
        return new Markup(line.ToString());
    }

    private static char Digit(int place) => place < Digits.Length ? Digits[place] : Several;

    private static string ColourOf(int place) => Colours[place % Colours.Length];

    private readonly record struct Cell(char Primary, string PrimaryStyle, char Copies, string CopiesStyle)
    {
        /// <summary>The worst of its partitions counts.</summary>
        public static Cell Of(PartitionPicture[] slice, IReadOnlyList<string?> nodes)
        {
            var (primary, style) = PrimaryOf(slice, nodes);
            var copies = slice.Min(partition => partition.Up);
            var copiesStyle = !slice.All(partition => partition.HasMajority) ? "bold red"
                : slice.Any(partition => partition.Up < partition.Replicas.Length) ? "yellow"
                : "dim";
            return new(primary, style, (char)('0' + copies), copiesStyle);
        }

        private static (char Text, string Style) PrimaryOf(PartitionPicture[] slice, IReadOnlyList<string?> nodes)
        {
            if (slice.Any(partition => partition.Primary is null))
                return (Nobody, "bold white on red");
            var names = slice.Select(partition => partition.Primary).Distinct().ToList();
            var place = names.Count == 1 ? PlaceOf(names[0], nodes) : -1;
            return place < 0 ? (Several, "default") : (Digit(place), $"black on {ColourOf(place)}");
        }

        private static int PlaceOf(string? name, IReadOnlyList<string?> nodes) =>
            nodes.Index().Where(node => node.Item == name).Select(node => node.Index).FirstOrDefault(-1);
    }
}
