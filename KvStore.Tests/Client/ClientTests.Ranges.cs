using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using KvStore.Client;
using KvStore.Contracts;

namespace KvStore.Tests.Client;

/// <summary>Buckets, ranges of keys, and changes in their place.</summary>
public sealed partial class ClientTests
{
    [Theory, MemberData(nameof(Doors))]
    public async Task A_merge_changes_members_and_leaves_the_others(bool isStraight)
    {
        using var client = Client(isStraight);
        var first = await client.PutAsync(Key("k"), new { a = 1, b = 2, c = 3 });
        var second = await client.MergeAsync(Key("k"), new { a = 5, b = (int?)null });
        Assert.True(second!.Value.Number > first.Number);
        Assert.Equal("""{"a":5,"c":3}""", (await client.GetAsync<string>(Key("k")))!.Value);
        Assert.Equal(
            new KvWriteResult(false, second), await client.MergeAsync(Key("k"), """{"a":6}""", expected: first));
        var third = await client.MergeAsync(Key("k"), new JsonObject { ["c"] = "x" }, expected: second.Value);
        Assert.True(third.IsApplied);
        Assert.Equal("""{"a":5,"c":"x"}""", (await client.GetAsync<string>(Key("k")))!.Value);

        Assert.Null(await client.MergeAsync(Key("none"), new { a = 1 }));
        await client.PutAsync(Key("text"), "text");
        var refused = await Assert.ThrowsAsync<KvStoreException>(() => client.MergeAsync(Key("text"), new { a = 1 }));
        Assert.Equal("value-not-json", refused.Code);

        var items = await client.BatchAsync(all => all
            .Merge(Key("k"), new { a = 7 }, expected: second)
            .Merge(Key("k"), new { a = 7 })
            .Put(Key("noted"), 1, metadata: new Dictionary<string, string> { ["from"] = "here" })
            .Get(Key("noted")));
        Assert.Equal([false, true, true, true], items.Select(item => item.IsDone));
        Assert.Equal("here", items[3].Metadata["from"]);
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task What_changes_a_value_in_its_place_can_change_when_it_ends(bool isStraight)
    {
        using var client = Client(isStraight);
        var hour = new KvWriteOptions { TimeToLive = TimeSpan.FromHours(1) };
        await client.IncrementAsync(Key("n"), options: hour);
        await client.PutAsync(Key("k"), new { a = 1 });
        await client.MergeAsync(Key("k"), new { a = 2 }, hour);
        Assert.NotNull((await client.DescribeAsync(Key("n")))!.ExpiresAt);
        Assert.NotNull((await client.DescribeAsync(Key("k")))!.ExpiresAt);
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task A_key_is_described_and_replaced_where_it_is(bool isStraight)
    {
        using var client = Client(isStraight);
        Assert.Equal(new KvWriteResult(false, null), await client.ReplaceAsync(Key("k"), "first"));
        await client.PutAsync(Key("k"), "first");
        var replaced = await client.ReplaceAsync(Key("k"), "second!");
        var known = (await client.DescribeAsync(Key("k")))!;
        Assert.Equal(
            (Key("k"), replaced.Version!.Value, 7, "text/plain; charset=utf-8", (DateTimeOffset?)null),
            (known.Key, known.Version, known.Size, known.ContentType, known.ExpiresAt));
        Assert.Equal(known, Assert.Single(await client.ListKeysAsync(Key("k")).ToListAsync()));
        Assert.Null(await client.DescribeAsync(Key("none")));

        var told = new Dictionary<string, string> { ["From"] = "here" };
        await client.PutAsync(Key("k"), "third", new KvWriteOptions { Metadata = told });
        Assert.Equal("here", (await client.DescribeAsync(Key("k")))!.Metadata["from"]);
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task A_batch_may_stop_at_the_first_that_fails(bool isStraight)
    {
        using var client = Client(isStraight);
        var items = await client.BatchAsync(
            all => all.Put(Key("a"), 1).Get(Key("none")).Put(Key("b"), 2), new KvWriteOptions { StopsOnError = true });
        Assert.Equal([null, "not-found", "not-attempted"], items.Select(item => item.Problem?.Code));
        Assert.False(await client.ExistsAsync(Key("b")));
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task A_transaction_compares_values_and_versions(bool isStraight)
    {
        var settings = Settings(isStraight);
        settings.SerializerOptions = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            WriteIndented = true,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
        using var client = new KvStoreClient(settings);
        var first = await client.PutAsync(Key("k"), new Cart("grün", ["<pear>"]));
        var second = await client.PutAsync(Key("k"), new Cart("grün", ["<plum>"]));
        Assert.True(await HoldsAsync(all => all.IfEquals(Key("k"), new Cart("grün", ["<plum>"]))));
        Assert.False(await HoldsAsync(all => all.IfEquals(Key("k"), new Cart("grün", ["<pear>"]))));
        Assert.False(await HoldsAsync(all => all.IfEquals(Key("none"), 1)));
        Assert.True(await HoldsAsync(all => all.IfNewer(Key("k"), first.Number).IfNotVersion(Key("k"), first)));
        Assert.False(await HoldsAsync(all => all.IfNewer(Key("k"), second.Number)));
        Assert.False(await HoldsAsync(all => all.IfNotVersion(Key("k"), second)));
        Assert.True(await HoldsAsync(all => all.IfOlder(Key("k"), second.Number + 1).IfOlder(Key("none"), 1)));
        Assert.False(await HoldsAsync(all => all.IfOlder(Key("k"), second.Number)));

        async Task<bool> HoldsAsync(Action<KvTransaction> compare)
        {
            var transaction = client.Transaction().Then(all => all.Get(Key("k")));
            compare(transaction);
            return (await transaction.CommitAsync()).HasSucceeded;
        }
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task Keys_are_listed_as_folders_counted_and_removed(bool isStraight)
    {
        using var client = Client(isStraight);
        string[] keys = ["a", "b/1", "b/2", "c/x/y", "d"];
        await client.BatchAsync(all => Array.ForEach(keys, key => all.Put(Key(key), 1)));
        Assert.Equal(
            [Key("b/"), Key("c/")], await client.ListPrefixesAsync(Key(""), "/").ToListAsync());
        var direct = new KvListOptions { Delimiter = "/", PageSize = 2 };
        Assert.Equal(
            [Key("a"), Key("d")], await client.ListKeysAsync(Key(""), direct).Select(key => key.Key).ToListAsync());

        Assert.Equal(5, await client.CountAsync(Key("")));
        var part = new KvListOptions { Start = Key("b/2"), End = Key("d") };
        Assert.Equal(2, await client.CountAsync(Key(""), part));
        Assert.Equal(2, await client.DeleteRangeAsync(Key(""), part));
        Assert.Equal(3, await client.DeleteRangeAsync(Key("")));
        Assert.Equal(0, await client.DeleteRangeAsync(Key("")));
        Assert.Equal(0, await client.CountAsync(Key("")));
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task Buckets_are_created_set_changed_listed_and_dropped(bool isStraight)
    {
        using var client = Client(isStraight);
        var name = $"b{_id}";
        var settings = new KvBucketSettings
        {
            DefaultTimeToLive = TimeSpan.FromHours(1),
            MaxValueBytes = 100,
            RequireConditionalWrites = false,
            DefaultConsistency = Consistency.Session,
            CacheControl = "no-store",
        };
        Assert.Null(await client.GetBucketAsync(name));
        Assert.Null(await client.UpdateBucketAsync(name, all => all));
        Assert.True(await client.CreateBucketAsync(name, settings));
        Assert.False(await client.CreateBucketAsync(name));
        var created = (await client.GetBucketAsync(name))!;
        Assert.Equal((name, settings), (created.Name, created.Settings));

        var changed = await client.UpdateBucketAsync(name, all => all with { MaxValueBytes = null });
        Assert.Equal(settings with { MaxValueBytes = null }, changed!.Settings);
        Assert.Equal(changed, await client.ListBucketsAsync().SingleAsync(bucket => bucket.Name == name));
        var only = new KvBucketSettings { MaxValueBytes = 5 };
        Assert.Equal(created with { Settings = only }, await client.SetBucketAsync(name, only));

        var bucket = client.Bucket(name);
        await bucket.PutAsync("k", 1);
        Assert.True(await client.DropBucketAsync(name));
        Assert.False(await client.DropBucketAsync(name));
        Assert.Equal(
            "bucket-not-found", (await Assert.ThrowsAsync<KvStoreException>(() => bucket.GetAsync<int>("k"))).Code);
        Assert.NotEqual(created.Id, (await client.SetBucketAsync(name, only)).Id);
        var large = await Assert.ThrowsAsync<KvStoreException>(() => bucket.PutAsync("k", "123456"));
        Assert.Equal("value-too-large", large.Code);
        Assert.True(await client.DropBucketAsync(name));
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task Many_at_once_change_the_settings_of_a_bucket_and_none_is_lost(bool isStraight)
    {
        using var client = Client(isStraight);
        var name = $"many{_id}";
        await client.SetBucketAsync(name, new KvBucketSettings { MaxValueBytes = 1 });
        await Parallel.ForEachAsync(Enumerable.Range(0, 8), async (_, cancellation) => await client.UpdateBucketAsync(
            name, all => all with { MaxValueBytes = all.MaxValueBytes + 1 }, cancellation));
        Assert.Equal(9, (await client.GetBucketAsync(name))!.Settings.MaxValueBytes);
        await client.DropBucketAsync(name);
    }
}
