using System.Text;
using System.Xml.Linq;
using KvStore.Client;
using KvStore.Client.DataProtection;
using KvStore.Tests.Cluster;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.DependencyInjection;

namespace KvStore.Tests.Client;

/// <summary>The keys of data protection in a store that several applications share.</summary>
[Collection(nameof(ClusterCollection))]
public sealed class DataProtectionTests(WalkThroughTests.Started started)
    : IClassFixture<WalkThroughTests.Started>, IDisposable
{
    private readonly KvStoreClient _client = new(started.Cluster.Balancer.Http.BaseAddress!.ToString());
    private readonly string _prefix = $"{Guid.NewGuid():n}/";

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task Applications_that_share_keys_read_what_the_others_protected()
    {
        await using var one = Application(builder => builder.PersistKeysToKvStore(_prefix));
        var first = ProtectorOf(one).Protect("from one");
        await using var other = Application(builder => builder.PersistKeysToKvStore(_client, _prefix));
        Assert.Equal("from one", ProtectorOf(other).Unprotect(first));
        Assert.Equal("from the other", ProtectorOf(one).Unprotect(ProtectorOf(other).Protect("from the other")));
        Assert.Single(KeysOf(one).GetAllKeys());
        Assert.Equal(KeysOf(one).GetAllKeys().Single().KeyId, KeysOf(other).GetAllKeys().Single().KeyId);

        KeysOf(other).RevokeAllKeys(TimeProvider.System.GetUtcNow(), "over");
        await using var later = Application(builder => builder.PersistKeysToKvStore(_prefix));
        Assert.All(KeysOf(later).GetAllKeys(), key => Assert.True(key.IsRevoked));
        Assert.Equal(2, await _client.ListKeysAsync(_prefix).CountAsync());
    }

    [Fact]
    public async Task An_element_is_never_replaced_and_never_ends()
    {
        var bucket = $"ring-{Guid.NewGuid():n}";
        using var settings = new StringContent("""{"defaultTtl":"1s"}""", Encoding.UTF8, "application/json");
        using var made = await started.Cluster.Door.PutAsync($"/buckets/{bucket}", settings);
        made.EnsureSuccessStatusCode();
        var repository = new KvStoreXmlRepository(_client.Bucket(bucket), _prefix);
        Assert.Empty(repository.GetAllElements());
        (string, string)[] stored =
        [
            ("a", "key-1"), ("a", "key-1"), ("b", "key-1"), ("c", null!), ("d", ""), ("e", new('n', 2000)), ("f", "\0"),
        ];
        foreach (var (content, name) in stored)
            repository.StoreElement(new XElement("key", new XAttribute("of", content), " "), name);

        var elements = repository.GetAllElements();
        Assert.Equal(["a", "b", "c", "d", "e", "f"], elements.Select(each => each.Attribute("of")!.Value).Order());
        var keys = await _client.Bucket(bucket).ListKeysAsync(_prefix).ToListAsync();
        Assert.Contains(keys, key => key.Key == $"{_prefix}key-1");
        Assert.All(keys, key => Assert.Equal((null, "application/xml"), (key.ExpiresAt, key.ContentType)));
    }

    [Fact]
    public async Task Many_that_store_at_once_lose_nothing()
    {
        var repository = new KvStoreXmlRepository(_client, _prefix);
        await Parallel.ForAsync(0, 20, (number, _) =>
        {
            repository.StoreElement(new XElement("key", number), $"key-{number % 4}");
            return ValueTask.CompletedTask;
        });
        Assert.Equal(
            Enumerable.Range(0, 20), repository.GetAllElements().Select(element => (int)element).Order());
    }

    [Fact]
    public async Task What_is_no_element_is_told_by_its_key()
    {
        await _client.PutAsync($"{_prefix}odd", "no xml");
        var wrong = Assert.Throws<InvalidDataException>(
            () => new KvStoreXmlRepository(_client, _prefix).GetAllElements());
        Assert.Contains($"{_prefix}odd", wrong.Message, StringComparison.Ordinal);
    }

    private ServiceProvider Application(Action<IDataProtectionBuilder> add)
    {
        var services = new ServiceCollection().AddSingleton(_client);
        add(services.AddDataProtection().SetApplicationName("shop"));
        return services.BuildServiceProvider();
    }

    private static IDataProtector ProtectorOf(IServiceProvider application) =>
        application.GetRequiredService<IDataProtectionProvider>().CreateProtector("tests");

    private static IKeyManager KeysOf(IServiceProvider application) =>
        application.GetRequiredService<IKeyManager>();
}
