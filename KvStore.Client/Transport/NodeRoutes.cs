using System.Collections.Immutable;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.Ring;

namespace KvStore.Client.Transport;

/// <summary>
/// Finds the node of each key by the cluster's ring, as the balancer does. What it knows may be old: a node that is
/// asked for another one's key asks that one, and says who it was.
/// </summary>
internal sealed class NodeRoutes(HttpClient http, IReadOnlyList<Uri> servers) : IRoutes
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private volatile Table? _table;
    private ImmutableHashSet<Uri> _doubted = [];
    private Task? _look;
    private uint _turn;

    public Uri First => servers[0];

    public async ValueTask<Uri> PickAsync(KvCall call, int attempt, CancellationToken cancellation)
    {
        if (_table is null || attempt > 0)
            await LookAsync().WaitAsync(cancellation).ConfigureAwait(false);
        var turn = call.Key.IsEmpty || call.IsForAnyCopy ? Interlocked.Increment(ref _turn) : 0;
        var order = _table is { } table ? table.OrderFor(call.Key.Span) : servers;
        var doubted = Volatile.Read(ref _doubted);
        List<Uri> trusted = [.. order.Where(server => !doubted.Contains(server))];
        var among = trusted.Count > 0 ? trusted : order;
        return among[(int)((turn + (uint)attempt) % (uint)among.Count)];
    }

    public void Learn(KvCall call, Uri server, KvAnswer answer)
    {
        ImmutableInterlocked.Update(ref _doubted, static (doubted, known) => doubted.Remove(known), server);
        if (!call.Key.IsEmpty && _table is { } table && answer.One(KvHeaders.Role) == "primary"
            && answer.One(KvHeaders.ServedBy) is { } name)
            table.Learn(call.Key.Span, name);
    }

    public void Doubt(Uri server) =>
        ImmutableInterlocked.Update(ref _doubted, static (doubted, failed) => doubted.Add(failed), server);

    /// <summary>Asks for the cluster anew; who wants it meanwhile waits for the same answer.</summary>
    private Task LookAsync()
    {
        lock (_gate)
        {
            if (_look is null || _look.IsCompleted)
                _look = AskAllAsync();
            return _look;
        }
    }

    private async Task AskAllAsync()
    {
        var asked = (_table?.Everyone ?? []).Union(servers).Select(AskAsync).ToList();
        var known = (await Task.WhenAll(asked).ConfigureAwait(false)).OfType<ClusterStatus>().ToList();
        if (known.Count == 0)
            return;    // what was known stays the best that is
        var newest = known.MaxBy(cluster => cluster.Epoch)!;
        _table = new Table(newest, [.. known.Where(cluster => cluster.ClusterId == newest.ClusterId)]);
    }

    /// <summary>The cluster as a node knows it; null: it does not tell.</summary>
    private async Task<ClusterStatus?> AskAsync(Uri server)
    {
        try
        {
            using var patience = new CancellationTokenSource(Patience);
            using var answer = await http.GetAsync(new Uri(server, Routes.Cluster), patience.Token)
                .ConfigureAwait(false);
            if (!answer.IsSuccessStatusCode)
                return null;
            var body = await answer.Content.ReadAsByteArrayAsync(patience.Token).ConfigureAwait(false);
            return JsonSerializer.Deserialize(body, ContractsJson.Default.ClusterStatus);
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException
            or JsonException or IOException)
        {
            return null;
        }
    }

    /// <summary>A cluster's ring, its nodes' addresses, and who is believed to be primary of what.</summary>
    private sealed class Table
    {
        private readonly HashRing _ring;
        private readonly Dictionary<int, Uri> _addresses = [];
        private readonly Dictionary<string, int> _members;
        private readonly int[] _primaries;

        public Table(ClusterStatus cluster, IReadOnlyList<ClusterStatus> told)
        {
            _ring = new HashRing(
                [.. cluster.Members.Select(member => (new NodeId(member.Id), member.Name))],
                cluster.Partitions,
                cluster.ReplicationFactor);
            _members = cluster.Members.ToDictionary(member => member.Name, member => member.Id);
            foreach (var member in told.SelectMany(each => each.Members))
            {
                if (Uri.TryCreate(member.Url, UriKind.Absolute, out var address))
                    _addresses[member.Id] = address;
            }

            Everyone = [.. _addresses.Values];
            _primaries =
            [
                .. Enumerable.Range(0, cluster.Partitions).Select(partition =>
                    told.Select(each => each.Primaries[partition]).MaxBy(hint => hint.Term)!.Member),
            ];
        }

        public IReadOnlyList<Uri> Everyone { get; }

        /// <summary>Where a key is asked for: its primary, then the other copies; without a key anywhere.</summary>
        public IReadOnlyList<Uri> OrderFor(ReadOnlySpan<byte> key)
        {
            if (key.IsEmpty)
                return Everyone;
            var partition = _ring.PartitionOf(key);
            var primary = Volatile.Read(ref _primaries[partition.Value]);
            List<Uri> order = [];
            foreach (var member in _ring.PreferenceList(partition).Select(member => member.Value).Prepend(primary))
            {
                if (_addresses.TryGetValue(member, out var address) && !order.Contains(address))
                    order.Add(address);
            }

            return order.Count > 0 ? order : Everyone;
        }

        /// <summary>A node answered as the primary of a key's partition.</summary>
        public void Learn(ReadOnlySpan<byte> key, string name)
        {
            if (_members.TryGetValue(name, out var member))
                Volatile.Write(ref _primaries[_ring.PartitionOf(key).Value], member);
        }
    }
}
