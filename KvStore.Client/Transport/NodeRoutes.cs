using System.Collections.Immutable;
using System.Diagnostics;
using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Client.Transport;

/// <summary>
/// Finds the node of each key by the cluster's ring, as the balancer does. What it knows may be old: a node that is
/// asked for another one's key asks that one, and says who it was.
/// </summary>
internal sealed class NodeRoutes(HttpClient http, IReadOnlyList<Uri> servers, TimeProvider time) : IRoutes
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Freshness = TimeSpan.FromMilliseconds(100);    // of what is asked for at a retry
    private static readonly TimeSpan DoubtPause = TimeSpan.FromSeconds(1);

    private readonly Uri[] _servers = [.. servers];
    private readonly Lock _gate = new();
    private volatile RoutingTable? _table;
    private ImmutableHashSet<Uri> _doubted = [];
    private Task _look = Task.CompletedTask;
    private long _lookedAt;
    private uint _turn;

    public Uri First => _servers[0];

    public async ValueTask<Uri> PickAsync(KvCall call, int attempt, CancellationToken cancellation)
    {
        if (_table is null || attempt > 0)
            await LookAsync(Freshness).WaitAsync(cancellation).ConfigureAwait(false);
        else if (!Volatile.Read(ref _doubted).IsEmpty)
            _ = LookAsync(DoubtPause);    // who answers that is asked for keys again
        var turn = call.Key.IsEmpty || call.IsForAnyCopy ? Interlocked.Increment(ref _turn) : 0;
        return Pick(_table is { } table ? table.OrderFor(call.Key.Span) : _servers, turn + (uint)attempt);
    }

    public void Learn(KvCall call, Uri server, KvAnswer answer)
    {
        Trust(server);
        if (!call.Key.IsEmpty && _table is { } table && answer.One(KvHeaders.Role) == "primary"
            && answer.One(KvHeaders.ServedBy) is { } name)
            table.Learn(call.Key.Span, name);
    }

    public void Doubt(Uri server) =>
        ImmutableInterlocked.Update(ref _doubted, static (doubted, failed) => doubted.Add(failed), server);

    private void Trust(Uri server) =>
        ImmutableInterlocked.Update(ref _doubted, static (doubted, known) => doubted.Remove(known), server);

    /// <summary>Of those that are not doubted, or of all where each is, the one whose turn it is.</summary>
    private Uri Pick(Uri[] order, uint turn)
    {
        var doubted = Volatile.Read(ref _doubted);
        var trusted = (uint)order.Length;
        foreach (var server in order)
            trusted -= doubted.Contains(server) ? 1u : 0;
        if (trusted == 0)
            return order[turn % (uint)order.Length];
        var left = turn % trusted;
        foreach (var server in order)
        {
            if (!doubted.Contains(server) && left-- == 0)
                return server;
        }

        throw new UnreachableException("Fewer are trusted than were counted.");
    }

    /// <summary>
    /// Asks for the cluster anew, unless that was done just now; who wants it meanwhile waits for the same answer.
    /// </summary>
    private Task LookAsync(TimeSpan freshness)
    {
        lock (_gate)
        {
            var isFresh = _table is not null && time.GetElapsedTime(_lookedAt) < freshness;
            if (_look.IsCompleted && !isFresh)
                (_lookedAt, _look) = (time.GetTimestamp(), AskAllAsync());
            return _look;
        }
    }

    private async Task AskAllAsync()
    {
        var asked = (_table?.Everyone ?? []).Union(_servers).Select(AskAsync).ToList();
        var known = (await Task.WhenAll(asked).ConfigureAwait(false)).OfType<ClusterStatus>().ToList();
        if (known.Count == 0)
            return;    // what was known stays the best that is
        var newest = known.MaxBy(cluster => cluster.Epoch)!;
        _table = new RoutingTable(newest, [.. known.Where(cluster => cluster.ClusterId == newest.ClusterId)], _table);
    }

    /// <summary>The cluster as a node knows it; null: it does not tell.</summary>
    private async Task<ClusterStatus?> AskAsync(Uri server)
    {
        try
        {
            using var patience = new CancellationTokenSource(Patience, time);
            using var answer = await http.GetAsync(new Uri(server, Routes.Cluster), patience.Token)
                .ConfigureAwait(false);
            if (!answer.IsSuccessStatusCode)
                return null;
            var body = await answer.Content.ReadAsByteArrayAsync(patience.Token).ConfigureAwait(false);
            var cluster = JsonSerializer.Deserialize(body, ContractsJson.Default.ClusterStatus);
            Trust(server);
            return cluster;
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException
            or JsonException or IOException or ObjectDisposedException)
        {
            return null;
        }
    }
}
