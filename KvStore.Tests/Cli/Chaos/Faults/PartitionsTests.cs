using System.Net;
using KvStore.Cli.Chaos.Faults;
using KvStore.Cli.Chaos.Links;

namespace KvStore.Tests.Cli.Chaos.Faults;

/// <summary>Which links are down, with the nodes in the order of their numbers.</summary>
public sealed class PartitionsTests
{
    [Theory]
    [InlineData("OneOff", 3, "1>2 1>3 2>1 3>1")]
    [InlineData("Mute", 3, "1>2 1>3")]
    [InlineData("Deaf", 3, "2>1 3>1")]
    [InlineData("Halves", 3, "1>2 1>3 2>1 3>1")]
    [InlineData("Halves", 4, "1>3 1>4 2>3 2>4 3>1 3>2 4>1 4>2")]
    [InlineData("Bridge", 3, "2>3 3>2")]
    [InlineData("Bridge", 5, "2>3 2>5 3>2 3>4 4>3 4>5 5>2 5>4")]
    [InlineData("Ring", 3, "1>3 2>1 3>2")]
    [InlineData("Ring", 4, "1>3 2>4 3>1 4>2")]
    public async Task Shapes_cut_what_their_names_say(string shape, int nodes, string down)
    {
        var method = typeof(Partitions).GetMethod(shape)!;
        var isDown = method.CreateDelegate<Func<Link, int[], bool>>();
        int[] order = [.. Enumerable.Range(1, nodes)];

        List<string> found = [];
        foreach (var (from, to) in order.SelectMany(from => order.Where(to => to != from), (from, to) => (from, to)))
        {
            await using var link = new Link(from, to, IPAddress.Loopback, [], seed: 1);
            if (isDown(link, order))
                found.Add($"{from}>{to}");
        }

        Assert.Equal(down, string.Join(' ', found));
    }
}
