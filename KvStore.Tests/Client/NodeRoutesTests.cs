using System.Diagnostics;
using System.Text;
using KvStore.Client;
using KvStore.Client.Transport;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.Ring;

namespace KvStore.Tests.Client;

/// <summary>Which node a client that knows the nodes asks.</summary>
public sealed class NodeRoutesTests : IDisposable
{
    private const int Partitions = 8;

    private readonly FakeStore _store = new();
    private readonly HashSet<string> _down = [];
    private Func<string, ClusterStatus> _told = _ => Status(partition => partition % 3 + 1);

    public NodeRoutesTests() => _store.Answer = (asked, _, _) =>
        _down.Contains(asked.Url.Host)
            ? throw new HttpRequestException(HttpRequestError.ConnectionError, "Nobody is there.")
            : Task.FromResult(asked.Url.AbsolutePath == Routes.Cluster
                ? FakeStore.Json(_told(asked.Url.Host), ContractsJson.Default.ClusterStatus)
                : FakeStore.Stored());

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task Each_key_is_asked_for_at_its_primary_and_others_turn_by_turn()
    {
        using var client = Open();
        for (var number = 0; number < 20; number++)
            await client.GetAsync<int>($"k{number}");
        var keys = Asked.Select(asked => (asked.Url.Host, asked.Url.Segments[^1])).ToList();
        Assert.Equal(20, keys.Count);
        Assert.All(keys, key => Assert.Equal($"node{PartitionOf(key.Item2) % 3 + 1}", key.Host));

        var eventual = new KvReadOptions { Consistency = Consistency.Eventual };
        for (var number = 0; number < 6; number++)
            await client.GetAsync<int>("k", eventual);
        Assert.Equal(
            [2, 2, 2], Asked.Skip(20).GroupBy(asked => asked.Url.Host).Select(group => group.Count()));
    }

    [Fact]
    public async Task Tries_of_a_call_without_a_key_go_round_also_where_one_node_is_away()
    {
        using var client = Open();
        _down.Add("node3");
        for (var call = 0; call < 3; call++)
            await _store.MovedAsync(client.PingAsync().ContinueWith(done => done.IsCompletedSuccessfully));
        var answer = _store.Answer;
        _store.Answer = (asked, before, given) => asked.Url is { Host: "node1", AbsolutePath: not Routes.Cluster }
            ? Task.FromResult(FakeStore.Refusal(ProblemType.Overloaded))
            : answer(asked, before, given);
        var before = Asked.Count();
        for (var call = 0; call < 4; call++)
            Assert.True(await _store.MovedAsync(client.PingAsync().ContinueWith(done => done.IsCompletedSuccessfully)));
        Assert.InRange(Asked.Count() - before, 4, 8);    // a try at the one that refuses, and one at the other
    }

    [Fact]
    public async Task The_primary_of_the_latest_term_is_believed_and_nobody_is_no_news()
    {
        _told = host => host switch
        {
            "node1" => Status(_ => 1, term: 5),
            "node2" => Status(_ => 2, term: 7),
            _ => Status(_ => 0, term: 9),
        };
        using var client = Open();
        await client.GetAsync<int>("k");
        Assert.Equal("node2", Asked.Single().Url.Host);
    }

    [Fact]
    public void Who_answered_as_primary_is_asked_until_a_later_term_is_told_of()
    {
        var key = "k"u8;
        var table = new RoutingTable(Status(_ => 1, term: 3), [Status(_ => 1, term: 3)], null);
        Assert.Equal("node1", table.OrderFor(key)[0].Host);
        table.Learn(key, "node3");
        Assert.Equal("node3", table.OrderFor(key)[0].Host);
        Assert.Equal(3, table.OrderFor(key).Distinct().Count());

        var again = new RoutingTable(Status(_ => 1, term: 3), [Status(_ => 1, term: 3)], table);
        Assert.Equal("node3", again.OrderFor(key)[0].Host);
        var later = new RoutingTable(Status(_ => 1, term: 3), [Status(_ => 2, term: 4)], again);
        Assert.Equal("node2", later.OrderFor(key)[0].Host);
        var other = Status(_ => 1, term: 1) with { ClusterId = "00000000000000bb" };
        Assert.Equal("node1", new RoutingTable(other, [other], later).OrderFor(key)[0].Host);
    }

    [Fact]
    public async Task A_node_that_was_away_is_asked_again_soon_after_it_is_back()
    {
        using var client = Open();
        await client.GetAsync<int>("k");
        var primary = Asked.Single().Url.Host;
        _down.Add(primary);
        await _store.MovedAsync(client.GetAsync<int>("k"));
        Assert.NotEqual(primary, Asked.Last().Url.Host);
        await client.GetAsync<int>("k");
        Assert.NotEqual(primary, Asked.Last().Url.Host);    // it is not asked in vain each time

        _down.Clear();
        _store.Advance(TimeSpan.FromSeconds(1));
        await client.GetAsync<int>("k");    // this one has the nodes asked
        await client.GetAsync<int>("k");
        Assert.Equal(primary, Asked.Last().Url.Host);
    }

    [Fact]
    public async Task That_a_caller_gave_up_says_nothing_of_the_node()
    {
        using var client = Open();
        await client.GetAsync<int>("k");
        var (primary, answer) = (Asked.Single().Url.Host, _store.Answer);
        _store.Answer = FakeStore.Hang;
        using var ended = new CancellationTokenSource();
        var given = client.GetAsync<int>("k", null, ended.Token);
        await ended.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        _store.Answer = answer;
        await client.GetAsync<int>("k");
        Assert.Equal(primary, Asked.Last().Url.Host);
    }

    [Fact]
    public async Task Many_tries_at_once_ask_for_the_cluster_a_few_times_only()
    {
        using var client = Open();
        _store.Answer = (asked, _, _) => Task.FromResult(asked.Url.AbsolutePath == Routes.Cluster
            ? FakeStore.Json(Status(_ => 1), ContractsJson.Default.ClusterStatus)
            : FakeStore.Refusal(ProblemType.Overloaded));
        var calls = Enumerable.Range(0, 50).Select(_ => client.GetAsync<int>("k")).ToList();
        for (var step = 0; step < 100; step++)
            _store.Advance(TimeSpan.FromMilliseconds(5));
        Assert.InRange(_store.Requests.Count - Asked.Count(), 3, 3 * 6);
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Stored());
        foreach (var call in calls)
            await _store.MovedAsync(call);
    }

    [Fact]
    public async Task The_first_node_that_tells_of_the_cluster_will_do_and_the_others_make_it_better()
    {
        var (late, answer) = (new TaskCompletionSource(), _store.Answer);
        _store.Answer = async (asked, before, given) =>
        {
            if (asked.Url is { Host: "node1", AbsolutePath: Routes.Cluster })
                await late.Task.WaitAsync(given).ConfigureAwait(false);
            return await answer(asked, before, given).ConfigureAwait(false);
        };
        _told = host => host == "node1" ? Status(_ => 3, term: 7) : Status(_ => 2);
        using var client = Open();
        await client.GetAsync<int>("k").WaitAsync(TimeSpan.FromSeconds(60));    // no time passes for the client
        Assert.Equal("node2", Asked.Single().Url.Host);

        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        late.SetResult();    // what waited for it goes on before this returns
        SynchronizationContext.SetSynchronizationContext(context);
        await client.GetAsync<int>("k");
        Assert.Equal("node3", Asked.Last().Url.Host);
    }

    [Fact]
    public async Task Where_the_nodes_own_addresses_lead_nowhere_the_given_ones_do()
    {
        _down.UnionWith(["node1", "node2", "node3"]);
        using var client = _store.Open(
            settings => settings.ConnectionString = "Endpoints=http://door1:1,http://door2:1");
        await _store.MovedAsync(client.GetAsync<int>("k"));
        var before = Asked.Count();
        for (var turn = 0; turn < 4; turn++)
            await client.GetAsync<int>("k");
        var hosts = Asked.Skip(before).Select(asked => asked.Url.Host).ToList();
        Assert.Equal(4, hosts.Count);    // nobody else is asked in vain any more
        Assert.Equal(["door1", "door2"], hosts.Distinct().Order());
    }

    [Fact]
    public async Task Who_left_the_cluster_is_not_looked_for_for_ever()
    {
        _told = _ => Status(_ => 3);
        using var client = Open();
        await client.GetAsync<int>("k");
        _down.Add("node3");
        _told = _ => Status(_ => 1, term: 2) with
        {
            Epoch = 2,
            Members = [.. Status(_ => 1).Members.Take(2)],
            ReplicationFactor = 2,
        };
        await _store.MovedAsync(client.GetAsync<int>("k"));
        await LookAsync();
        var looks = _store.Requests.Count - Asked.Count();
        await LookAsync();
        Assert.Equal(looks, _store.Requests.Count - Asked.Count());

        async Task LookAsync()
        {
            _store.Advance(TimeSpan.FromSeconds(1.5));
            await client.GetAsync<int>("k");
        }
    }

    [Fact]
    public async Task To_ask_for_the_cluster_is_no_part_of_who_made_it_necessary()
    {
        var (seen, answer) = (new List<(string Path, string? Span)>(), _store.Answer);
        _store.Answer = (asked, before, given) =>
        {
            seen.Add((asked.Url.AbsolutePath, Activity.Current?.OperationName));
            return answer(asked, before, given);
        };
        using var client = _store.Open(settings =>
            (settings.ConnectionString, settings.DisableTracing) = ("Endpoints=http://node1:1", true));
        using var caller = new Activity("caller").Start();
        await client.GetAsync<int>("k");
        Assert.Equal([(Routes.Cluster, null), ("/buckets/default/keys/k", "caller")], seen);
    }

    [Fact]
    public async Task To_choose_a_node_allocates_nothing()
    {
        using var http = new HttpClient(_store, disposeHandler: false);
        var routes = new NodeRoutes(http, [new Uri("http://node1:1"), new Uri("http://node2:1")], _store.Time);
        var call = new KvCall(HttpMethod.Get, "/", "get") { Timeout = TimeSpan.FromSeconds(1), Key = "k"u8.ToArray() };
        await routes.PickAsync(call, 0, default);
        routes.Doubt(await routes.PickAsync(call, 0, default));
        await routes.PickAsync(call, 0, default);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var turn = 0; turn < 1000; turn++)
            await routes.PickAsync(call, 0, default);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000);    // less than a byte each
    }

    private IEnumerable<Asked> Asked => _store.Requests.Where(asked => asked.Url.AbsolutePath != Routes.Cluster);

    private KvStoreClient Open() => _store.Open(
        settings => settings.ConnectionString = "Endpoints=http://node1:1,http://node2:1");

    private static int PartitionOf(string key) => new HashRing(
        [(new NodeId(1), "node1"), (new NodeId(2), "node2"), (new NodeId(3), "node3")], Partitions, 3)
        .PartitionOf(Encoding.UTF8.GetBytes(key)).Value;

    private static ClusterStatus Status(Func<int, int> primaryOf, long term = 1) => new()
    {
        ClusterId = "00000000000000aa",
        Epoch = 1,
        Partitions = Partitions,
        ReplicationFactor = 3,
        Members = [.. Enumerable.Range(1, 3).Select(id => new ClusterMember(id, $"node{id}", $"http://node{id}:1"))],
        Primaries = [.. Enumerable.Range(0, Partitions).Select(
            partition => new PrimaryHint(primaryOf(partition), term))],
    };
}
