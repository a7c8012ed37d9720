using System.Text.Json;
using System.Text.Json.Serialization;
using KvStore.Client;
using KvStore.Contracts;
using KvStore.Tests.Cluster;

namespace KvStore.Tests.Client;

/// <summary>The client on three real nodes, through the balancer and straight to the nodes.</summary>
[Collection(nameof(ClusterCollection))]
public sealed partial class ClientTests(WalkThroughTests.Started started) : IClassFixture<WalkThroughTests.Started>
{
    private readonly string _id = Guid.NewGuid().ToString("n");

    public static TheoryData<bool> Doors => [false, true];

    [Theory, MemberData(nameof(Doors))]
    public async Task A_value_comes_back_as_what_it_was(bool isStraight)
    {
        using var client = Client(isStraight);
        var cart = new Cart("me", ["pear", "plum"]);
        var options = new KvWriteOptions
        {
            TimeToLive = TimeSpan.FromHours(1),
            Metadata = new Dictionary<string, string> { ["from"] = "here" },
        };
        var version = await client.PutAsync(Key("cart"), cart, options);
        var entry = (await client.GetAsync<Cart>(Key("cart")))!;
        Assert.Equal((cart.Owner, version), (entry.Value.Owner, entry.Version));
        Assert.Equal(cart.Items, entry.Value.Items);
        Assert.Equal(("application/json", "here"), (entry.ContentType, entry.Metadata["FROM"]));
        Assert.InRange((entry.ExpiresAt! - DateTimeOffset.UnixEpoch).Value.TotalDays, 20_000, 30_000);

        await client.PutAsync(Key("text"), "grün");
        Assert.Equal("grün", (await client.GetAsync<string>(Key("text")))!.Value);
        await client.PutAsync(Key("bytes"), new byte[] { 0, 255 });
        Assert.Equal([0, 255], (await client.GetAsync<byte[]>(Key("bytes")))!.Value);
        Assert.Null(await client.GetAsync<string>(Key("none")));
        Assert.True(await client.ExistsAsync(Key("text")));
        Assert.False(await client.ExistsAsync(Key("none")));
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task Keys_of_any_form_are_the_keys_that_they_are(bool isStraight)
    {
        using var client = Client(isStraight);
        foreach (var key in (string[])["a/b", "a//b", "..", "a b", "100%", "ü", "?", "#", "\\", "+"])
        {
            await client.PutAsync(Key(key), key);
            Assert.Equal(key, (await client.GetAsync<string>(Key(key)))!.Value);
        }
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task A_condition_that_does_not_hold_is_a_value(bool isStraight)
    {
        using var client = Client(isStraight);
        var first = await client.CreateAsync(Key("k"), 1);
        Assert.True(first.IsApplied);
        Assert.Equal(new KvWriteResult(false, first.Version), await client.CreateAsync(Key("k"), 2));
        var second = await client.ReplaceAsync(Key("k"), 2, first.Version!.Value);
        Assert.True(second.IsApplied);
        Assert.True(second.Version!.Value.Number > first.Version!.Value.Number);
        Assert.Equal(
            new KvWriteResult(false, second.Version), await client.ReplaceAsync(Key("k"), 3, first.Version.Value));
        Assert.Equal(
            new KvWriteResult(false, second.Version), await client.DeleteAsync(Key("k"), first.Version.Value));
        Assert.Equal(new KvWriteResult(true, null), await client.DeleteAsync(Key("k"), second.Version.Value));
        Assert.False(await client.DeleteAsync(Key("k")));
        Assert.Equal(
            new KvWriteResult(false, null), await client.ReplaceAsync(Key("k"), 3, first.Version.Value));
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task Updates_and_increments_of_many_at_once_are_all_counted(bool isStraight)
    {
        using var client = Client(isStraight);
        await Parallel.ForEachAsync(Enumerable.Range(0, 40), async (_, cancellation) =>
        {
            await client.UpdateAsync<int>(Key("sum"), entry => (entry?.Value ?? 0) + 1, null, cancellation);
            await client.IncrementAsync(Key("count"), by: 2, initial: 100, null, cancellation);
        });
        Assert.Equal(40, (await client.GetAsync<int>(Key("sum")))!.Value);
        Assert.Equal(180, await client.IncrementAsync(Key("count"), by: 0));
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task A_touch_changes_when_a_key_ends(bool isStraight)
    {
        using var client = Client(isStraight);
        await client.PutAsync(Key("k"), 1);
        Assert.True(await client.TouchAsync(Key("k"), TimeSpan.FromHours(1)));
        Assert.NotNull((await client.GetAsync<int>(Key("k")))!.ExpiresAt);
        Assert.True(await client.TouchAsync(Key("k"), Timeout.InfiniteTimeSpan));
        Assert.Null((await client.GetAsync<int>(Key("k")))!.ExpiresAt);
        Assert.False(await client.TouchAsync(Key("none"), TimeSpan.FromHours(1)));
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task A_list_gives_each_key_once_in_order_over_its_pages(bool isStraight)
    {
        using var client = Client(isStraight);
        var keys = Enumerable.Range(0, 25).Select(number => Key($"list/{number:d2}")).ToList();
        await client.BatchAsync(all => keys.ForEach(key => all.Put(key, key, TimeSpan.FromHours(1))));

        var options = new KvListOptions { PageSize = 10 };
        var listed = await client.ListAsync<string>(Key("list/"), options).ToListAsync();
        Assert.Equal(keys, listed.Select(entry => entry.Key));
        Assert.All(listed, entry => Assert.Equal((entry.Key, true), (entry.Value, entry.ExpiresAt.HasValue)));
        Assert.All(listed, entry => Assert.Equal("text/plain; charset=utf-8", entry.ContentType));
        var part = options with { IsReversed = true, Start = Key("list/03"), End = Key("list/20") };
        var names = await client.ListKeysAsync(Key("list/"), part).ToListAsync();
        Assert.Equal(keys[3..20].AsEnumerable().Reverse(), names.Select(name => name.Key));
        Assert.Equal(listed[3].Version, names[^1].Version);
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task Each_operation_of_a_batch_is_told_alone(bool isStraight)
    {
        using var client = Client(isStraight);
        var first = await client.PutAsync(Key("there"), 1);
        var items = await client.BatchAsync(all => all
            .Get(Key("there"))
            .Get(Key("none"))
            .Create(Key("there"), 2)
            .Increment(Key("n"), by: 5)
            .Put(Key("text"), "plain")
            .Replace(Key("there"), 3, first)
            .Delete(Key("text"))
            .Touch(Key("n"), TimeSpan.FromHours(1)));
        Assert.Equal([true, false, false, true, true, true, true, true], items.Select(item => item.IsDone));
        Assert.Equal((1, first), (items[0].Read<int>(), items[0].Version));
        Assert.Equal(("not-found", "precondition-failed"), (items[1].Problem!.Code, items[2].Problem!.Code));
        Assert.Equal((first, 5), (items[2].Version, items[3].Read<int>()));
        Assert.Equal([0, 3], Enumerable.Range(0, items.Length).Where(at => items[at].HasValue));
        Assert.Throws<InvalidOperationException>(() => items[4].Read<string>());
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task The_deepest_value_that_is_shown_as_JSON_is_read_wherever_it_stands(bool isStraight)
    {
        using var client = Client(isStraight);
        var deep = $"{new string('[', 64)}{new string(']', 64)}";
        var mark = await client.CursorAsync();
        await client.PutAsync(Key("deep"), deep, new KvWriteOptions { ContentType = "application/json" });
        Assert.Equal(deep, (await client.ListAsync<JsonElement>(Key("deep")).SingleAsync()).Value.GetRawText());
        var items = await client.BatchAsync(all => all.Get(Key("deep")));
        Assert.Equal(deep, items[0].Read<JsonElement>().GetRawText());
        var done = await client.Transaction().Then(all => all.Get(Key("deep"))).CommitAsync();
        Assert.Equal(deep, done.Items[0].Read<string>());
        var change = await client.WatchAsync<string>(Key("deep"), new KvWatchOptions { Since = mark }).FirstAsync();
        Assert.Equal(deep, change.Value);
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task A_transaction_does_one_side_or_nothing(bool isStraight)
    {
        using var client = Client(isStraight);
        var stock = await client.PutAsync(Key("stock"), 3);
        var sold = await client.Transaction()
            .IfVersion(Key("stock"), stock)
            .IfAbsent(Key("order"))
            .Then(all => all.Put(Key("order"), new Cart("me", [])).Increment(Key("stock"), -1))
            .CommitAsync();
        Assert.True(sold.HasSucceeded);
        Assert.Equal(2, sold.Items[1].Read<int>());

        var again = await client.Transaction()
            .IfPresent(Key("order"))
            .IfVersion(Key("stock"), stock)
            .Then(all => all.Delete(Key("order")))
            .CommitAsync();
        Assert.False(again.HasSucceeded);
        Assert.Equal(1, Assert.Single(again.Failed).Index);

        var otherwise = await client.Transaction()
            .IfAbsent(Key("order"))
            .Then(all => all.Delete(Key("stock")))
            .Else(all => all.Get(Key("stock")))
            .CommitAsync();
        Assert.False(otherwise.HasSucceeded);
        Assert.Equal(2, otherwise.Items[0].Read<int>());
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task A_watch_tells_of_each_change_and_goes_on_from_a_cursor(bool isStraight)
    {
        using var client = Client(isStraight);
        var mark = await client.CursorAsync();
        await client.PutAsync(Key("w/a"), 1);
        await client.PutAsync(Key("other"), 1);
        await client.PutAsync(Key("w/a"), 2);
        await client.DeleteAsync(Key("w/a"));

        var options = new KvWatchOptions { Since = mark };
        var changes = await client.WatchAsync<int>(Key("w/"), options).Take(3).ToListAsync();
        Assert.Equal(
            [(KvChangeKind.Put, 1), (KvChangeKind.Put, 2), (KvChangeKind.Delete, 0)],
            changes.Select(change => (change.Kind, change.Value)));
        var rest = await client.WatchAsync<int>(Key("w/"), options with { Since = changes[0].Cursor })
            .Take(1).ToListAsync();
        Assert.Equal(changes[1] with { Cursor = rest[0].Cursor }, rest[0]);
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task A_lock_is_held_by_one_and_its_token_grows(bool isStraight)
    {
        using var client = Client(isStraight);
        await using var first = await client.LockAsync(Key("lock"), TimeSpan.FromSeconds(30));
        Assert.Null(await client.TryLockAsync(Key("lock"), TimeSpan.FromSeconds(30)));
        var waiting = client.LockAsync(Key("lock"), TimeSpan.FromSeconds(30));
        await first.DisposeAsync();
        await using var second = await waiting;
        Assert.True(second.FencingToken > first.FencingToken);
        Assert.False(second.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_lock_is_kept_by_its_renewals_and_lost_when_somebody_takes_it_away()
    {
        using var client = Client(isStraight: true);
        await using var held = await client.LockAsync(Key("lock"), TimeSpan.FromSeconds(2));
        var renewed = client.WatchAsync<string>(Key("lock"), cancellationToken: held.Lost)
            .Where(change => change.Kind == KvChangeKind.Put);
        Assert.Equal(4, await renewed.Take(4).CountAsync());    // more than it would have lived
        Assert.Null(await client.TryLockAsync(Key("lock"), TimeSpan.FromSeconds(1)));

        var lost = new TaskCompletionSource();
        held.Lost.Register(lost.SetResult);
        Assert.True(await client.DeleteAsync(Key("lock")));
        await lost.Task;
    }

    [Fact]
    public async Task A_session_sees_its_own_writes_on_any_copy()
    {
        using var client = Client(isStraight: true);
        var session = new KvSession();
        for (var number = 0; number < 20; number++)
        {
            await client.PutAsync(Key("k"), number, new KvWriteOptions { Session = session });
            var read = new KvReadOptions { Consistency = Consistency.Session, Session = session };
            Assert.Equal(number, (await client.GetAsync<int>(Key("k"), read))!.Value);
        }

        var other = new KvSession(session.Token!);
        Assert.Equal(session.Token, other.Token);
        Assert.Throws<FormatException>(() => new KvSession("nonsense!"));
    }

    [Fact]
    public async Task Values_of_a_type_known_when_it_was_built_need_no_reflection()
    {
        var settings = Settings(isStraight: false);
        settings.SerializerOptions = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            TypeInfoResolver = CartJson.Default,
        };
        using var client = new KvStoreClient(settings);
        await client.PutAsync(Key("cart"), new Cart("me", []));
        Assert.Equal("me", (await client.GetAsync<Cart>(Key("cart")))!.Value.Owner);
        await Assert.ThrowsAsync<NotSupportedException>(() => client.PutAsync(Key("no"), new { Unknown = 1 }));
    }

    [Fact]
    public async Task What_a_store_refuses_says_why_and_that_nothing_was_done()
    {
        using var client = Client(isStraight: false);
        var large = new byte[2 << 20];
        var refused = await Assert.ThrowsAsync<KvStoreException>(() => client.PutAsync(Key("k"), large));
        Assert.Equal(("value-too-large", Applied.No), (refused.Code, refused.Applied));
        var nowhere = await Assert.ThrowsAsync<KvStoreException>(() => client.Bucket("none").GetAsync<int>("k"));
        Assert.Equal("bucket-not-found", nowhere.Code);
        await client.PutAsync(Key("text"), "text");
        Assert.Equal(
            "value-not-a-number",
            (await Assert.ThrowsAsync<KvStoreException>(() => client.IncrementAsync(Key("text")))).Code);
    }

    [Fact]
    public async Task A_write_under_one_name_is_done_once()
    {
        using var client = Client(isStraight: true);
        var named = new KvWriteOptions { IdempotencyKey = Guid.NewGuid().ToString() };
        Assert.Equal(1, await client.IncrementAsync(Key("n"), options: named));
        Assert.Equal(1, await client.IncrementAsync(Key("n"), options: named));
    }

    private string Key(string name) => $"{_id}/{name}";

    private KvStoreClient Client(bool isStraight) => new(Settings(isStraight));

    private KvStoreClientSettings Settings(bool isStraight) => new()
    {
        ConnectionString = isStraight
            ? "Endpoints=" + string.Join(',', started.Cluster.Nodes.Select(node => node.Http.BaseAddress))
            : started.Cluster.Balancer.Http.BaseAddress!.ToString(),
        Timeout = TimeSpan.FromSeconds(30),
    };

    private sealed record Cart(string Owner, string[] Items);

    [JsonSerializable(typeof(Cart))]
    private sealed partial class CartJson : JsonSerializerContext;
}
