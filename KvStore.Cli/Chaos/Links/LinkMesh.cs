using System.Net;
using KvStore.Topology;

namespace KvStore.Cli.Chaos.Links;

/// <summary>A link for every ordered pair of nodes, counted from 1.</summary>
internal sealed class LinkMesh : IAsyncDisposable
{
    private readonly List<Link> _links = [];

    public LinkMesh(ClusterTopology topology, int seed)
    {
        for (var from = 1; from <= topology.Nodes.Length; from++)
        {
            for (var to = 1; to <= topology.Nodes.Length; to++)
            {
                if (from == to)
                    continue;
                var node = topology.Nodes[to - 1];
                var address = new IPAddress([127, 77, (byte)from, (byte)to]);
                _links.Add(new Link(from, to, address, [node.Port, node.PeerPort], Seeds.Of(seed, from, to)));
            }
        }
    }

    public IReadOnlyList<Link> Links => _links;

    /// <summary>The addresses of all nodes as one of them is to see them: its own, and its links.</summary>
    public string SeenFrom(int from, ClusterTopology topology) => string.Join(',', topology.Nodes.Select((node, at) =>
        at + 1 == from
            ? node.Url
            : $"http://{_links.Single(link => link.From == from && link.To == at + 1).Address}:{node.Port}"));

    /// <summary>Every fault of every link ends.</summary>
    public void Open()
    {
        foreach (var link in _links)
            link.State = LinkState.Open;
    }

    /// <summary>Gives a state to the links that are meant.</summary>
    public void Set(LinkState state, Func<Link, bool> isMeant)
    {
        foreach (var link in _links.Where(isMeant))
            link.State = state;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var link in _links)
            await link.DisposeAsync().ConfigureAwait(false);
    }
}
