using System.Collections.Immutable;
using System.Diagnostics;
using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Client.Transport;

/// <summary>
/// Finds the node of each key by the cluster's ring, as the balancer does. What it knows may be old: a node that is
/// asked for another one's key asks that one, and says who it was. So where none of a key's nodes answers under the
/// address that the cluster has of it, one of the given addresses will do.
/// </summary>
internal sealed class NodeRoutes(HttpClient http, IReadOnlyList<Uri> servers, TimeProvider time) : IRoutes
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Freshness = TimeSpan.FromMilliseconds(100);    // of what is asked for at a retry
    private static readonly TimeSpan DoubtPause = TimeSpan.FromSeconds(1);

    private readonly Uri[] _servers = [.. servers];
    private readonly Lock _gate = new();
    private readonly HashSet<Uri> _asked = [];
    private readonly Dictionary<Uri, ClusterStatus> _told = [];
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
        var turn = call.Key.IsEmpty || call.IsForAnyCopy ? call.Turn ??= Interlocked.Increment(ref _turn) : 0;
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

    /// <summary>The addresses that are given, and those that the cluster has.</summary>
    private IEnumerable<Uri> Everyone => (_table?.Everyone ?? []).Union(_servers);

    private void Trust(Uri server) =>
        ImmutableInterlocked.Update(ref _doubted, static (doubted, known) => doubted.Remove(known), server);

    /// <summary>
    /// Of those that are not doubted, the one whose turn it is; where each is, one of the given addresses; and where
    /// those are, too, of all.
    /// </summary>
    private Uri Pick(Uri[] order, uint turn)
    {
        var doubted = Volatile.Read(ref _doubted);
        return TrustedOf(order, doubted, turn)
            ?? TrustedOf(_servers, doubted, Interlocked.Increment(ref _turn))    // whoever it is, it forwards
            ?? order[turn % (uint)order.Length];
    }

    private static Uri? TrustedOf(Uri[] order, ImmutableHashSet<Uri> doubted, uint turn)
    {
        var trusted = (uint)order.Length;
        foreach (var server in order)
            trusted -= doubted.Contains(server) ? 1u : 0;
        if (trusted == 0)
            return null;
        var left = turn % trusted;
        foreach (var server in order)
        {
            if (!doubted.Contains(server) && left-- == 0)
                return server;
        }

        throw new UnreachableException("Fewer are trusted than were counted.");
    }

    /// <summary>
    /// Asks for the cluster anew, unless that was done just now, until the first answer; who wants it meanwhile waits
    /// for the same one. What the others say makes it better as it comes.
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

    /// <summary>Asks all who are not being asked already.</summary>
    private async Task AskAllAsync()
    {
        Activity.Current = null;    // this is for all calls, and no part of the one that happens to be the first
        var asked = Everyone.Where(_asked.Add).ToList().ConvertAll(AskAsync);
        await foreach (var answer in Task.WhenEach(asked).ConfigureAwait(false))
        {
            if (await answer.ConfigureAwait(false))
                return;
        }
    }

    /// <summary>Asks a node for the cluster as it knows it.</summary>
    /// <returns>Whether it told.</returns>
    private async Task<bool> AskAsync(Uri server)
    {
        ClusterStatus? told = null;
        try
        {
            using var patience = new CancellationTokenSource(Patience, time);
            using var answer = await http.GetAsync(new Uri(server, Routes.Cluster), patience.Token)
                .ConfigureAwait(false);
            if (answer.IsSuccessStatusCode)
            {
                var body = await answer.Content.ReadAsByteArrayAsync(patience.Token).ConfigureAwait(false);
                told = JsonSerializer.Deserialize(body, ContractsJson.Default.ClusterStatus);
                Trust(server);
            }
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            // It does not tell; whoever is asked for a key and fails is doubted then.
        }

        Hear(server, told);
        return told is not null;
    }

    /// <summary>Makes the table of what all say who told last time; where nobody did, it stays as it was.</summary>
    private void Hear(Uri server, ClusterStatus? told)
    {
        lock (_gate)
        {
            _asked.Remove(server);
            if (told is null)
            {
                _told.Remove(server);
                return;
            }

            _told[server] = told;
            var newest = _told.Values.MaxBy(cluster => cluster.Epoch)!;
            _table = new RoutingTable(
                newest, [.. _told.Values.Where(cluster => cluster.ClusterId == newest.ClusterId)], _table);
            HashSet<Uri> known = [.. Everyone];
            foreach (var gone in _told.Keys.Where(each => !known.Contains(each)).ToList())
                _told.Remove(gone);
            ImmutableInterlocked.Update(    // who left is not asked again, and would be doubted for ever
                ref _doubted, static (doubted, all) => doubted.Intersect(all), known);
        }
    }
}
