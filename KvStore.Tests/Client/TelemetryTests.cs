using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using KvStore.Client;
using KvStore.Contracts;

namespace KvStore.Tests.Client;

/// <summary>What traces and measurements say of a call, and what they never do.</summary>
public sealed class TelemetryTests : IDisposable
{
    private const string Key = "carts/secret-key";
    private const string Value = "secret-value";

    private readonly FakeStore _store = new();
    private readonly string _bucket = $"b{Guid.NewGuid():n}";
    private readonly List<Activity> _spans = [];
    private readonly List<(double Seconds, Dictionary<string, object?> Tags)> _measured = [];
    private readonly ActivityListener _traces;
    private readonly MeterListener _meters = new();

    public TelemetryTests()
    {
        _traces = new ActivityListener
        {
            ShouldListenTo = source => source.Name == KvStoreClient.TelemetryName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = span =>
            {
                if ((string?)span.GetTagItem("db.collection.name") == _bucket)
                    _spans.Add(span);
            },
        };
        ActivitySource.AddActivityListener(_traces);
        _meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == KvStoreClient.TelemetryName)
                listener.EnableMeasurementEvents(instrument);
        };
        _meters.SetMeasurementEventCallback<double>((instrument, seconds, tags, _) =>
        {
            var told = tags.ToArray().ToDictionary();
            if ((string?)told.GetValueOrDefault("db.collection.name") == _bucket)
                _measured.Add((seconds, told.Append(new("instrument", instrument.Name)).ToDictionary()));
        });
        _meters.Start();
    }

    public void Dispose()
    {
        _traces.Dispose();
        _meters.Dispose();
        _store.Dispose();
    }

    [Fact]
    public async Task A_call_has_the_attributes_of_a_database_call_and_no_others()
    {
        using var client = Open();
        _store.Answer = (_, before, _) =>
        {
            var answer = before == 0
                ? FakeStore.Refusal(ProblemType.Overloaded)
                : FakeStore.Stored(Value, "text/plain");
            answer.Headers.TryAddWithoutValidation("Retry-After", "2");
            return Task.FromResult(answer);
        };
        await _store.MovedAsync(client.GetAsync<string>(Key));

        var span = Assert.Single(_spans);
        Assert.Equal(($"get {_bucket}", ActivityKind.Client), (span.DisplayName, span.Kind));
        Assert.Equal(ActivityStatusCode.Unset, span.Status);
        Assert.Equal(TagsOf("get", ("db.response.status_code", "200")), Sorted(span.TagObjects));

        var (seconds, tags) = Assert.Single(_measured);
        Assert.InRange(seconds, 2, 10);    // both tries and the pause between them
        Assert.Equal(
            TagsOf("get", ("db.response.status_code", "200"), ("instrument", "db.client.operation.duration")),
            Sorted(tags));
    }

    [Fact]
    public async Task A_batch_says_how_many_operations_it_has_from_two_on()
    {
        using var client = Open();
        _store.Answer = (_, _, _) => Task.FromResult(
            FakeStore.Json(new BatchResponse([]), ContractsJson.Default.BatchResponse));
        await client.BatchAsync(all => all.Put(Key, Value));
        await client.BatchAsync(all => all.Put(Key, Value).Delete(Key).Get(Key));
        Assert.Equal([null, 3], _spans.Select(span => span.GetTagItem("db.operation.batch.size")));
        Assert.All(_measured, told => Assert.False(told.Tags.ContainsKey("db.operation.batch.size")));
        Assert.All(_spans, span => Assert.Null(span.GetTagItem("db.namespace")));    // no answer told of a cluster
    }

    [Fact]
    public async Task A_call_that_fails_says_how()
    {
        using var client = Open();
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Refusal(ProblemType.ValueTooLarge));
        await Assert.ThrowsAsync<KvStoreException>(() => client.PutAsync(Key, Value));
        _store.Answer = (_, _, _) => throw new HttpRequestException(HttpRequestError.ConnectionError, Key);
        await Assert.ThrowsAsync<KvStoreException>(() => _store.MovedAsync(client.PutAsync(Key, Value)));
        _store.Answer = (_, _, _) => Task.FromResult(new HttpResponseMessage(HttpStatusCode.InternalServerError));
        await Assert.ThrowsAsync<KvStoreException>(() => client.PutAsync(Key, Value));
        _store.Answer = FakeStore.Hang;
        using var ended = new CancellationTokenSource();
        var cancelled = client.PutAsync(Key, Value, cancellationToken: ended.Token);
        await ended.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);

        Assert.Equal(["value-too-large", "unreachable", "500", "cancelled"], _spans.Select(ErrorOf));
        Assert.Equal(["413", null, "500", null], _spans.Select(span => span.GetTagItem("db.response.status_code")));
        Assert.All(_spans, span => Assert.Equal(ActivityStatusCode.Error, span.Status));
        Assert.Equal(_spans.Select(ErrorOf), _measured.Select(told => told.Tags["error.type"]));
    }

    [Fact]
    public async Task What_a_caller_handles_is_no_error()
    {
        using var client = Open();
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Refusal(ProblemType.NotFound));
        Assert.Null(await client.GetAsync<string>(Key));
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Refusal(ProblemType.PreconditionFailed));
        Assert.False((await client.CreateAsync(Key, Value)).IsApplied);
        Assert.Equal(["404", "412"], _spans.Select(span => span.GetTagItem("db.response.status_code")));
        Assert.All(_spans, span => Assert.Equal((ActivityStatusCode.Unset, null), (span.Status, ErrorOf(span))));
    }

    [Fact]
    public async Task No_key_and_no_value_is_in_anything_that_is_told()
    {
        using var client = Open();
        await client.PutAsync(Key, Value);
        await client.MergeAsync(Key, $"{{\"{Value}\":1}}");
        await client.DeleteAsync(Key);
        await client.TouchAsync(Key, TimeSpan.FromSeconds(1));
        _store.Answer = (_, _, _) => throw new HttpRequestException(HttpRequestError.ConnectionError, Key);
        await Assert.ThrowsAsync<KvStoreException>(() => _store.MovedAsync(client.GetAsync<string>(Key)));
        await Assert.ThrowsAsync<KvStoreException>(() => _store.MovedAsync(client.CountAsync(Key)));
        await Assert.ThrowsAsync<KvStoreException>(
            () => _store.MovedAsync(client.Transaction().IfAbsent(Key).Then(all => all.Get(Key)).CommitAsync()));

        Assert.Equal((7, 7), (_spans.Count, _measured.Count));
        var told = _spans.SelectMany(span => span.TagObjects.Append(new("name", span.DisplayName))
                .Append(new("status", span.StatusDescription)))
            .Concat(_measured.SelectMany(measured => measured.Tags));
        Assert.All(told, tag => Assert.DoesNotContain("secret", $"{tag.Value}", StringComparison.Ordinal));
        Assert.All(_spans, span => Assert.Empty(span.Events));
    }

    [Fact]
    public async Task Nothing_is_told_where_that_is_turned_off()
    {
        using var silent = _store.Open(settings =>
            (settings.Bucket, settings.DisableTracing, settings.DisableMetrics) = (_bucket, true, true));
        using var measured = _store.Open(settings => (settings.Bucket, settings.DisableTracing) = (_bucket, true));
        await silent.GetAsync<int>(Key);
        await measured.GetAsync<int>(Key);
        Assert.Empty(_spans);
        Assert.Single(_measured);
    }

    private KvStoreClient Open() => _store.Open(settings => settings.Bucket = _bucket);

    private static object? ErrorOf(Activity span) => span.GetTagItem("error.type");

    private SortedDictionary<string, object?> TagsOf(string operation, params (string Name, object Value)[] more)
    {
        var tags = new SortedDictionary<string, object?>
        {
            ["db.system.name"] = "kvstore",
            ["db.namespace"] = "00000000c0ffee00",
            ["db.collection.name"] = _bucket,
            ["db.operation.name"] = operation,
            ["server.address"] = "store",
            ["server.port"] = 9000,
        };
        foreach (var (name, value) in more)
            tags[name] = value;
        return tags;
    }

    private static SortedDictionary<string, object?> Sorted(IEnumerable<KeyValuePair<string, object?>> tags) =>
        new(tags.ToDictionary());
}
