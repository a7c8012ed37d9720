using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Node.Watch;
using KvStore.Tests.Node.Api;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace KvStore.Tests.Node.Watch;

/// <summary>Who is woken by what, and where the others are.</summary>
public sealed class WatchDispatcherTests : IDisposable
{
    private static readonly BucketId Other = new(2);
    private readonly FakeCluster _cluster = new(historyChanges: 64);
    private readonly WatchDispatcher _dispatcher;
    private readonly List<Watcher> _woken = [];

    public WatchDispatcherTests()
    {
        var partitions = new FakePartitions(_cluster, new NodeId(1));
        _dispatcher = new WatchDispatcher(
            partitions,
            new HistoryFeeds(partitions, new FakeHistoryPeers(_cluster), TimeProvider.System),
            Microsoft.Extensions.Options.Options.Create(new WatchOptions { MaxWatches = 2 }),
            new NeverStopping(),
            TimeProvider.System,
            NullLogger<WatchDispatcher>.Instance);
        _dispatcher.Look(_woken);
    }

    public void Dispose() => _dispatcher.Dispose();

    [Fact]
    public void A_change_wakes_those_whom_it_concerns_and_nobody_else()
    {
        var random = new Random(3);
        for (var round = 0; round < 100; round++)
        {
            var watchers = Enumerable.Range(0, 20).Select(_ => Parked(Filter(random))).ToList();
            var (bucket, key) = (random.Next(2) == 0 ? BucketId.Default : Other, Key(random, 3));
            Put(key, bucket);

            _woken.Clear();
            _dispatcher.Look(_woken);

            Assert.Equal(
                watchers.Where(watcher => IsFor(watcher.Filter, bucket, key)).ToHashSet(), _woken.ToHashSet());
            foreach (var watcher in watchers)
                _dispatcher.Close(watcher);
        }
    }

    [Fact]
    public void Who_is_not_woken_moves_along_and_never_falls_behind()
    {
        var idle = Parked(new WatchFilter(BucketId.Default, "idle"u8.ToArray(), WatchKinds.All));
        for (var number = 0; number < 1_000; number++)
        {
            Put($"busy{number}", BucketId.Default);
            _dispatcher.Look(_woken);
        }

        Assert.Empty(_woken);
        _dispatcher.Unpark(idle);
        Assert.Same(_dispatcher.Positions, idle.At);
        Assert.Equal(WatchStep.NoMore, new WatchReading(_dispatcher, idle).Next());
    }

    [Fact]
    public void A_woken_watcher_reads_what_woke_it_and_one_that_waits_too_long_is_told_what_it_lost()
    {
        var watcher = Parked(new WatchFilter(BucketId.Default, default, WatchKinds.All));
        Put("a", BucketId.Default);
        _dispatcher.Look(_woken);
        Assert.Equal([watcher], _woken);
        var reading = new WatchReading(_dispatcher, watcher);
        Assert.Equal(WatchStep.Found, reading.Next());
        Assert.Equal("a"u8, reading.Changes.Changes[0].Key.Span);

        for (var number = 0; number < 1_000; number++)
            Put("a", BucketId.Default);
        Assert.Equal(WatchStep.NoMore, reading.Next());    // up to where it was woken
        reading.Keep();
        _dispatcher.Look(_woken);
        Assert.Equal(WatchStep.Lost, new WatchReading(_dispatcher, watcher).Next());
    }

    [Fact]
    public void A_watcher_that_has_read_less_than_there_is_does_not_wait()
    {
        var watcher = new Watcher(
            new WatchFilter(BucketId.Default, default, WatchKinds.All), [.. _dispatcher.Positions]);
        Put("a", BucketId.Default);
        _dispatcher.Look(_woken);
        Assert.False(_dispatcher.TryPark(watcher));
    }

    [Fact]
    public void A_watcher_that_is_ahead_waits_until_the_copy_here_is_as_new()
    {
        var watcher = new Watcher(
            new WatchFilter(BucketId.Default, default, WatchKinds.All),
            [.. _dispatcher.Positions.Select(index => index + 1)]);
        Assert.True(_dispatcher.TryPark(watcher));
        Put("seen already", BucketId.Default);
        _dispatcher.Look(_woken);
        Assert.Equal([watcher], _woken);
        Assert.Equal(WatchStep.NoMore, new WatchReading(_dispatcher, watcher).Next());
        Assert.True(_dispatcher.TryPark(watcher));
        Put("new", BucketId.Default);
        _woken.Clear();
        _dispatcher.Look(_woken);
        Assert.Equal([watcher], _woken);
        Assert.Equal(WatchStep.Found, new WatchReading(_dispatcher, watcher).Next());
    }

    [Fact]
    public void There_are_as_many_places_as_the_limit_says()
    {
        var first = _dispatcher.TryEnter();
        using var second = _dispatcher.TryEnter();
        Assert.Null(_dispatcher.TryEnter());
        first!.Dispose();
        first.Dispose();
        using var third = _dispatcher.TryEnter();
        Assert.NotNull(third);
        Assert.Null(_dispatcher.TryEnter());
    }

    private static bool IsFor(WatchFilter filter, BucketId bucket, string key) =>
        filter.Bucket == bucket
        && (filter.Kinds & WatchKinds.Put) != 0
        && (filter.IsOneKey
            ? key == Encoding.UTF8.GetString(filter.Prefix.Span)
            : key.StartsWith(Encoding.UTF8.GetString(filter.Prefix.Span), StringComparison.Ordinal));

    private static WatchFilter Filter(Random random) => new(
        random.Next(2) == 0 ? BucketId.Default : Other,
        Encoding.UTF8.GetBytes(Key(random, random.Next(4))),
        random.Next(4) == 0 ? WatchKinds.Delete : WatchKinds.All)
    {
        IsOneKey = random.Next(3) == 0,
    };

    private static string Key(Random random, int length) =>
        new([.. Enumerable.Range(0, length).Select(_ => (char)('a' + random.Next(2)))]);

    private Watcher Parked(WatchFilter filter)
    {
        var watcher = new Watcher(filter, _dispatcher.Positions);
        Assert.True(_dispatcher.TryPark(watcher));
        return watcher;
    }

    private void Put(string key, BucketId bucket) => _cluster.Apply(new Command.Change
    {
        TimeMs = 1,
        Bucket = bucket,
        Operation = new Operation.Put
        {
            Key = Encoding.UTF8.GetBytes(key),
            Value = "v"u8.ToArray(),
            ContentType = "text/plain",
        },
    });

    private sealed class NeverStopping : IHostApplicationLifetime
    {
        public CancellationToken ApplicationStarted => default;

        public CancellationToken ApplicationStopping => default;

        public CancellationToken ApplicationStopped => default;

        public void StopApplication()
        {
        }
    }
}
