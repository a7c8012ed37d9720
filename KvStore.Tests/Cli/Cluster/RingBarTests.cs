using KvStore.Cli.Cluster;
using Spectre.Console;

namespace KvStore.Tests.Cli.Cluster;

public sealed class RingBarTests
{
    private static readonly string[] Names = ["a", "b", "c"];

    [Fact]
    public void Each_partition_is_a_cell_with_the_number_of_its_primary_and_of_its_copies()
    {
        PartitionPicture[] ring =
            [new("a", [.. Names], 3), new("b", [.. Names], 3), new(null, [.. Names], 2), new("c", [.. Names], 1)];

        Assert.Equal("primary  12!3\ncopies   3321", Draw(ring, width: 80));
    }

    [Fact]
    public void A_large_ring_has_a_few_lines_all_the_same()
    {
        var ring = Enumerable.Range(0, 4096).Select(number => new PartitionPicture(
            number is 17 ? null : Names[number < 2048 ? 0 : number % 2], [.. Names], number is 4095 ? 2 : 3)).ToArray();

        var lines = Draw(ring, width: 80).Split('\n');
        Assert.Equal(9, lines.Length);
        Assert.Equal("primary  1!" + new string('1', 62), lines[0]);
        Assert.Equal("primary  " + new string('*', 64), lines[6]);
        Assert.Equal("copies   " + new string('3', 63) + "2", lines[7]);
        Assert.Equal("         16 partitions to a cell; *: of several nodes", lines[8]);
    }

    [Theory]
    [InlineData(60, 48)]
    [InlineData(20, 8)]
    [InlineData(10, 8)]
    [InlineData(200, 64)]
    public void A_line_fits_the_terminal(int width, int cells)
    {
        var ring = Enumerable.Repeat(new PartitionPicture("a", [.. Names], 3), 64).ToArray();

        var first = Draw(ring, width).Split('\n')[0];
        Assert.Equal(cells, first["primary  ".Length..].Length);
    }

    [Fact]
    public void Colours_are_drawn_where_they_can_be_shown_and_the_text_is_the_same()
    {
        PartitionPicture[] ring = [new("a", [.. Names], 3), new("b", [.. Names], 3)];

        var coloured = Draw(ring, width: 80, AnsiSupport.Yes, ColorSystemSupport.TrueColor);
        Assert.Matches("48;5;[0-9]+m1", coloured);
        Assert.Matches("48;5;[0-9]+m2", coloured);
        Assert.DoesNotContain('\u001b', Draw(ring, width: 80));
    }

    private static string Draw(
        PartitionPicture[] ring,
        int width,
        AnsiSupport ansi = AnsiSupport.No,
        ColorSystemSupport colours = ColorSystemSupport.NoColors)
    {
        var written = new StringWriter { NewLine = "\n" };
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(written),
            Ansi = ansi,
            ColorSystem = colours,
        });
        console.Profile.Width = 200;
        console.Write(RingBar.Draw(ring, Names, width));
        return written.ToString().ReplaceLineEndings("\n").TrimEnd('\n');
    }
}
