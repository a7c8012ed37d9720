using System.Text.Json;
using System.Text.Json.Serialization;
using KvStore.Client;
using KvStore.Client.DataProtection;
using KvStore.Contracts;

namespace KvStore.Tests.Client;

/// <summary>What a client makes of answers.</summary>
public sealed class AnswerTests : IDisposable
{
    private static readonly Dictionary<string, string> Told = new() { ["From"] = "here" };

    private readonly FakeStore _store = new();

    public void Dispose() => _store.Dispose();

    [Theory]
    [InlineData(null, "\"a\"")]
    [InlineData("application/json", "\"a\"")]
    [InlineData("Application/JSON; charset=utf-8", "\"a\"")]
    [InlineData("application/problem+json", "\"a\"")]
    [InlineData("text/x+JSON", "\"a\"")]
    [InlineData("text/plain", "a")]
    [InlineData("Text/Plain; charset=utf-8", "a")]
    public void A_string_in_an_answer_is_JSON_or_text_as_its_type_says(string? type, string stored)
    {
        var values = new KvValues(JsonSerializerOptions.Web);
        var inline = JsonElement.Parse("\"a\"");
        Assert.Equal(stored, values.ReadInline<string>(inline, null, type));
        if (stored != "a")
            Assert.Equal("a", values.ReadInline<Word>(inline, null, type).Text);
    }

    [Fact]
    public async Task Names_of_metadata_are_the_same_in_any_case_wherever_they_come_from()
    {
        using var client = _store.Open();
        var listed = new KeyListItem
        {
            Key = "k",
            Etag = FakeStore.Tag,
            Size = 1,
            Value = JsonElement.Parse("1"),
            Meta = Told,
        };
        _store.Answer = (_, _, _) => Task.FromResult(ListOf(listed));
        Assert.Equal("here", (await client.ListAsync<int>().SingleAsync()).Metadata["from"]);

        var item = new ItemResponse { Status = 200, Key = "k", Etag = FakeStore.Tag, Meta = Told };
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Json(
            new BatchResponse([item]), ContractsJson.Default.BatchResponse));
        Assert.Equal("here", (await client.BatchAsync(all => all.Get("k")))[0].Metadata["FROM"]);

        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Json(
            new TransactionResponse(true, "42", [item]), ContractsJson.Default.TransactionResponse));
        var done = await client.Transaction().Then(all => all.Get("k")).CommitAsync();
        Assert.Equal("here", done.Items[0].Metadata["from"]);
    }

    [Fact]
    public async Task A_listed_key_without_a_version_is_no_answer_of_a_store()
    {
        using var client = _store.Open();
        _store.Answer = (_, _, _) => Task.FromResult(ListOf(new() { Key = "k", Etag = "nonsense", Size = 1 }));
        var odd = await Assert.ThrowsAsync<KvStoreException>(() => client.ListKeysAsync().SingleAsync().AsTask());
        Assert.Contains("is it a KvStore?", odd.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_read_leaves_unknown_what_a_write_did_and_of_a_read_nothing()
    {
        using var client = _store.Open();
        _store.Answer = (_, _, _) => Task.FromResult(new HttpResponseMessage(System.Net.HttpStatusCode.OK)
        {
            Content = new StringContent("nonsense"),
        });
        Assert.Equal(Applied.No, (await Odd(() => client.CountAsync())).Applied);
        Assert.Equal(Applied.No, (await Odd(() => client.GetAsync<string>("k"))).Applied);
        Assert.Equal(Applied.Unknown, (await Odd(() => client.IncrementAsync("k"))).Applied);
        Assert.Equal(Applied.Unknown, (await Odd(() => client.PutAsync("k", 1))).Applied);

        static Task<KvStoreException> Odd(Func<Task> call) => Assert.ThrowsAsync<KvStoreException>(call);
    }

    [Fact]
    public void Keys_of_data_protection_are_those_below_the_prefix_and_no_others()
    {
        using var client = _store.Open();
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Json(
            new KeyListResponse([], [], null, "", null), ContractsJson.Default.KeyListResponse));
        Assert.Empty(new KvStoreXmlRepository(client, "shop").GetAllElements());
        Assert.Contains("prefix=shop%2F&", _store.Requests.Single().Url.Query, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_of_data_protection_are_read_strongly_whatever_the_client_has()
    {
        using var client = _store.Open(settings => settings.Consistency = Consistency.Eventual);
        _store.Answer = (asked, before, _) => Task.FromResult(
            before == 0 ? FakeStore.Refusal(ProblemType.PreconditionFailed) : FakeStore.Stored("<key />"));
        new KvStoreXmlRepository(client, "keys/").StoreElement(new("key"), "name");
        var read = _store.Requests.Last();
        Assert.Equal((HttpMethod.Get, "strong"), (read.Method, read.Header(KvHeaders.Consistency)));
    }

    private static HttpResponseMessage ListOf(KeyListItem item) => FakeStore.Json(
        new KeyListResponse([item], [], null, "", null), ContractsJson.Default.KeyListResponse);

    [JsonConverter(typeof(WordConverter))]
    private sealed record Word(string Text);

    private sealed class WordConverter : JsonConverter<Word>
    {
        public override Word Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            new(reader.GetString()!);

        public override void Write(Utf8JsonWriter writer, Word value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.Text);
    }
}
