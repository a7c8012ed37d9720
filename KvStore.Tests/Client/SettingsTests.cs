using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using KvStore.Client;
using KvStore.Client.Caching;
using KvStore.Client.OutputCaching;
using KvStore.Contracts;
using KvStore.Tests.House;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KvStore.Tests.Client;

/// <summary>Where a client's settings come from, and what is wrong with them.</summary>
public sealed class SettingsTests
{
    [Theory]
    [InlineData("http://localhost:9000", false, "http://localhost:9000/")]
    [InlineData("https+http://balancer", false, "https+http://balancer/")]
    [InlineData("Endpoint=http://a:1", false, "http://a:1/")]
    [InlineData("endpoints = http://a:1 , http://b:2 ;", true, "http://a:1/ http://b:2/")]
    public void A_connection_string_is_an_address_or_names_them(string text, bool areNodes, string servers)
    {
        var read = KvConnectionString.Read(text);
        Assert.Equal((areNodes, servers), (read.AreNodes, string.Join(' ', read.Servers)));
    }

    [Theory]
    [InlineData("localhost:9000")]
    [InlineData("ftp://a")]
    [InlineData("http://a/path")]
    [InlineData("http://me:secret@a")]
    [InlineData("Endpoint=")]
    [InlineData("Endpoint=http://a;ApiKey=x")]
    [InlineData("Endpoint=http://a;Endpoint=http://b")]
    [InlineData("Password=x")]
    [InlineData(";=;")]
    public void Anything_else_is_refused_with_what_is_expected(string text)
    {
        var refused = Assert.Throws<ArgumentException>(() => new KvStoreClient(text));
        Assert.Contains("it must be an address", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https+http://balancer")]
    [InlineData("Endpoint=https+http://balancer")]
    [InlineData("Endpoints=http://a,https+http://b")]
    public void A_scheme_that_service_discovery_chooses_from_is_refused_without_it(string text)
    {
        var refused = Assert.Throws<ArgumentException>(() => new KvStoreClient(text));
        Assert.Contains("'https+http'", refused.Message, StringComparison.Ordinal);
        Assert.Contains("http or https", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_comes_later_wins_section_name_connection_string_delegate()
    {
        var client = Build(
            builder => builder.AddKvStoreClient("kv", settings => settings.Bucket = "four"),
            ("KvStore:Client:Bucket", "one"),
            ("KvStore:Client:ConnectionString", "http://one"),
            ("KvStore:Client:kv:Bucket", "two"),
            ("ConnectionStrings:kv", "http://three")).GetRequiredService<KvStoreClient>();
        Assert.Equal("four", client.Name);
    }

    [Fact]
    public void Several_clients_stand_under_their_names()
    {
        var services = Build(
            builder =>
            {
                builder.AddKeyedKvStoreClient("a", settings => settings.Bucket = "of-a");
                builder.AddKeyedKvStoreClient("b");
            },
            ("ConnectionStrings:a", "http://a"),
            ("ConnectionStrings:b", "http://b"));
        Assert.Equal("of-a", services.GetRequiredKeyedService<KvStoreClient>("a").Name);
        Assert.Equal("default", services.GetRequiredKeyedService<KvStoreClient>("b").Name);
        Assert.Equal(["KvStore_a", "KvStore_b"], ChecksOf(services));
    }

    [Fact]
    public void A_missing_address_is_told_by_the_names_of_the_settings()
    {
        var services = Build(builder => builder.AddKvStoreClient("kv"));
        var missing = Assert.Throws<InvalidOperationException>(services.GetRequiredService<KvStoreClient>);
        Assert.Contains("ConnectionStrings:kv", missing.Message, StringComparison.Ordinal);
        Assert.Contains("KvStore:Client:kv", missing.Message, StringComparison.Ordinal);
        Assert.Equal(["KvStore"], ChecksOf(services));
    }

    [Fact]
    public void No_health_check_is_there_where_none_is_wanted() => Assert.Empty(ChecksOf(Build(
        builder => builder.AddKvStoreClient("kv", settings => settings.DisableHealthChecks = true))));

    [Fact]
    public async Task A_store_that_is_not_there_is_unhealthy_and_a_call_says_so()
    {
        var port = Cluster.FreePorts.Take(1)[0];
        var services = Build(
            builder => builder.AddKvStoreClient("kv", settings => settings.Timeout = TimeSpan.FromMilliseconds(300)),
            ("ConnectionStrings:kv", $"http://127.0.0.1:{port}"));
        var report = await services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.Equal(HealthStatus.Unhealthy, report.Status);

        var client = services.GetRequiredService<KvStoreClient>();
        var failure = await Assert.ThrowsAsync<KvStoreException>(() => client.PutAsync("k", "v"));
        Assert.Null(failure.Code);
        Assert.StartsWith($"The store at http://127.0.0.1:{port} cannot be reached: ", failure.Message);
    }

    [Theory]
    [InlineData(HttpStatusCode.OK, HealthStatus.Healthy)]
    [InlineData(HttpStatusCode.ServiceUnavailable, HealthStatus.Unhealthy)]
    public async Task A_store_is_healthy_while_it_says_that_it_serves(HttpStatusCode answer, HealthStatus expected)
    {
        using var store = new FakeStore();
        store.Answer = (asked, _, _) => Task.FromResult(new HttpResponseMessage(
            asked.Url.AbsolutePath == Routes.Health ? answer : HttpStatusCode.NotFound));
        var services = Build(
            builder =>
            {
                builder.AddKvStoreClient("kv");
                builder.Services.AddSingleton<TimeProvider>(store.Time);
                builder.Services.AddHttpClient("KvStore_kv").ConfigurePrimaryHttpMessageHandler(() => store);
            },
            ("ConnectionStrings:kv", "http://kv"));
        var check = services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        await store.ArrivedAsync();    // names are looked up before, while no time may pass
        var report = expected == HealthStatus.Healthy ? await check : await store.MovedAsync(check);
        Assert.Equal(expected, report.Status);
        Assert.True(KvTimeout.TryParse(store.Requests.First().Header(KvHeaders.Timeout)!, out var given, out _));
        Assert.InRange(given, TimeSpan.Zero, TimeSpan.FromSeconds(3));
    }

    [Theory]
    [InlineData("http://store", "store.example:81")]
    [InlineData("https+http://store", "store.example:81")]
    [InlineData("http://_admin.store", "store.example:82")]
    [InlineData("Endpoints=http://store,http://other", "node1:1")]
    public async Task A_connection_string_may_have_names_of_service_discovery(string connection, string asked)
    {
        using var store = new FakeStore();
        var cluster = new ClusterStatus
        {
            ClusterId = "00000000000000aa",
            Epoch = 1,
            Partitions = 1,
            ReplicationFactor = 1,
            Members = [new(1, "node1", "http://node1:1")],
            Primaries = [new(1, 1)],
        };
        store.Answer = (request, _, _) => Task.FromResult(request.Url.AbsolutePath == Routes.Cluster
            ? FakeStore.Json(cluster, ContractsJson.Default.ClusterStatus)
            : FakeStore.Stored());
        var services = Build(
            builder =>
            {
                builder.AddKvStoreClient("kv");
                builder.Services.AddHttpClient("KvStore_kv").ConfigurePrimaryHttpMessageHandler(() => store);
            },
            ("ConnectionStrings:kv", connection),
            ("services:store:http:0", "http://store.example:81"),
            ("services:store:admin:0", "http://store.example:82"),
            ("services:other:http:0", "http://other.example:81"));
        await services.GetRequiredService<KvStoreClient>().GetAsync<int>("k");
        Assert.Equal(asked, store.Requests.Single(each => each.Url.AbsolutePath != Routes.Cluster).Url.Authority);
        Assert.All(store.Requests, request => Assert.DoesNotContain("store/", request.Url.ToString()));
    }

    [Fact]
    public async Task What_a_program_adds_to_all_its_http_clients_does_not_stand_around_this_one()
    {
        using var store = new FakeStore();
        using var log = new KeptLog();
        var services = Build(
            builder =>
            {
                builder.Logging.SetMinimumLevel(LogLevel.Trace).AddProvider(log);
                builder.Services.ConfigureHttpClientDefaults(
                    http => http.AddServiceDiscovery().AddHttpMessageHandler(() => new Breaker()));
                builder.AddKvStoreClient("kv");
                builder.Services.AddHttpClient("KvStore_kv").ConfigurePrimaryHttpMessageHandler(() => store);
                builder.Services.ConfigureHttpClientDefaults(http => http.AddHttpMessageHandler(() => new Breaker()));
            },
            ("ConnectionStrings:kv", "https+http://store"),
            ("services:store:http:0", "http://store.example:81"));
        await services.GetRequiredService<KvStoreClient>().GetAsync<int>("secret-key");
        Assert.Equal("store.example:81", Assert.Single(store.Requests).Url.Authority);
        Assert.DoesNotContain(log.Lines, line => line.Contains("secret-key", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_a_program_adds_to_the_client_stays_when_a_cache_is_added_on_it()
    {
        using var store = new FakeStore();
        var services = Build(
            builder =>
            {
                builder.AddKvStoreClient("kv");
                builder.Services.AddHttpClient("KvStore_kv").AddHttpMessageHandler(() => new Signer())
                    .ConfigurePrimaryHttpMessageHandler(() => store);
                builder.AddKvStoreDistributedCache("kv");
            },
            ("ConnectionStrings:kv", "http://kv"), ("KvStore:Client:Timeout", "00:00:00.1"));
        foreach (var key in (string?[])[null, "kv"])
            await services.GetRequiredKeyedService<KvStoreClient>(key).GetAsync<int>("k");
        Assert.Equal(["me", "me"], store.Requests.Select(asked => asked.Header("From")));
    }

    [Theory]
    [InlineData("Timeout", "00:00:00")]
    [InlineData("Timeout", "00:02:00")]
    [InlineData("AttemptTimeout", "-00:00:01")]
    [InlineData("RetryShare", "1.5")]
    [InlineData("RetryShare", "NaN")]
    [InlineData("RetryBurst", "0")]
    [InlineData("Bucket", "No Name")]
    public void A_setting_that_has_no_valid_value_is_named_with_it(string name, string value)
    {
        var services = Build(
            builder => builder.AddKvStoreClient("kv"),
            ("ConnectionStrings:kv", "http://kv"), ($"KvStore:Client:kv:{name}", value));
        var refused = Assert.Throws<ArgumentException>(services.GetRequiredService<KvStoreClient>);
        Assert.Contains("(KvStore:Client, KvStore:Client:kv, ", refused.Message, StringComparison.Ordinal);
        Assert.Contains($": {name} must be ", refused.Message, StringComparison.Ordinal);
        Assert.Contains(value, refused.Message, StringComparison.Ordinal);
    }

    /// <summary>All settings but the delegate's own: what JSON is made by cannot stand in a file.</summary>
    public static TheoryData<string> InFiles =>
        [.. typeof(KvStoreClientSettings).GetProperties().Where(setting =>
            setting.PropertyType != typeof(JsonSerializerOptions)).Select(setting => setting.Name)];

    [Theory, MemberData(nameof(InFiles))]
    public void Each_setting_is_read_from_both_sections(string name)
    {
        var setting = typeof(KvStoreClientSettings).GetProperty(name)!;
        var (value, read) = Sample(setting.PropertyType);
        foreach (var section in (string[])["KvStore:Client", "KvStore:Client:kv"])
        {
            KvStoreClientSettings? settings = null;
            Build(builder => builder.AddKvStoreClient("kv", given => settings = given), ($"{section}:{name}", value));
            Assert.Equal(read, setting.GetValue(settings));
        }
    }

    [Fact]
    public void The_schema_of_the_configuration_has_the_settings_and_no_others()
    {
        DescribesAll("KvStore.Client", "Client", new KvStoreClientSettings(), InFiles.Select(row => row.Data));
        DescribesAll("KvStore.Client", "Cache", new KvStoreCacheSettings(), NamesOf<KvStoreCacheSettings>());
        DescribesAll(
            "KvStore.Client.OutputCaching",
            "OutputCache",
            new KvStoreOutputCacheSettings(),
            NamesOf<KvStoreOutputCacheSettings>());
    }

    private static void DescribesAll(string project, string section, object defaults, IEnumerable<string> settings)
    {
        var schema = JsonNode.Parse(Repository.Read($"{project}/ConfigurationSchema.json"))!;
        Assert.Equal(["type", "properties"], schema.AsObject().Select(part => part.Key));    // no category of a log
        var members = schema["properties"]!["KvStore"]!["properties"]![section]!["properties"]!.AsObject();
        Assert.Equal(settings.Order(), members.Select(member => member.Key).Order());
        foreach (var (name, member) in members)
        {
            var setting = defaults.GetType().GetProperty(name)!;
            var type = Nullable.GetUnderlyingType(setting.PropertyType) ?? setting.PropertyType;
            if (type.IsEnum)
                Assert.Equal(Enum.GetNames(type), member!["enum"]!.AsArray().Select(word => (string?)word));
            else
                Assert.Equal(SchemaTypeOf(type), (string?)member!["type"]);
            var given = Convert.ToString(setting.GetValue(defaults), CultureInfo.InvariantCulture);
            Assert.Equal(given ?? "", member["default"]?.ToString() ?? "", ignoreCase: true);
            Assert.NotEmpty((string?)member["description"] ?? "");
            if ((string?)member["pattern"] is { } pattern)
                Assert.Matches(pattern, given);
        }
    }

    private static IEnumerable<string> NamesOf<T>() => typeof(T).GetProperties().Select(setting => setting.Name);

    [Theory, InlineData("KvStore.Client"), InlineData("KvStore.Client.OutputCaching")]
    public void The_package_has_the_schema_and_what_adds_it(string name)
    {
        var project = XDocument.Parse(Repository.Read($"{name}/{name}.csproj"));
        var packed = project.Descendants("None").Where(file => (string?)file.Attribute("Pack") == "true")
            .Select(file => ((string?)file.Attribute("Include"), (string?)file.Attribute("PackagePath")));
        Assert.Equal(
            [
                ("README.md", "/"),
                ("ConfigurationSchema.json", "/"),
                ($"buildTransitive/{name}.targets", "buildTransitive/"),
            ],
            packed);
        var targets = XDocument.Parse(Repository.Read($"{name}/buildTransitive/{name}.targets"));
        Assert.Equal(
            "$(MSBuildThisFileDirectory)../ConfigurationSchema.json",
            (string?)Assert.Single(targets.Descendants("JsonSchemaSegment")).Attribute("Include"));
    }

    private sealed class Breaker : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken) =>
            throw new InvalidOperationException("It is open.");
    }

    private sealed class Signer : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.TryAddWithoutValidation("From", "me");
            return base.SendAsync(request, cancellationToken);
        }
    }

    private sealed class KeptLog : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter) => Lines.Enqueue(formatter(state, exception));

        public void Dispose()
        {
            // It keeps nothing that must be given back.
        }
    }

    private static (string Text, object Value) Sample(Type type) => (Nullable.GetUnderlyingType(type) ?? type) switch
    {
        var text when text == typeof(string) => ("other", "other"),
        var time when time == typeof(TimeSpan) => ("00:00:07", TimeSpan.FromSeconds(7)),
        var share when share == typeof(double) => ("0.75", 0.75),
        var count when count == typeof(int) => ("7", 7),
        var flag when flag == typeof(bool) => ("true", true),
        var word when word == typeof(Consistency) => ("eventual", Consistency.Eventual),
        var other => throw new NotSupportedException($"No sample of {other} is known here."),
    };

    private static string SchemaTypeOf(Type type) =>
        type == typeof(bool) ? "boolean"
        : type == typeof(int) ? "integer"
        : type == typeof(double) ? "number"
        : "string";

    private static IEnumerable<string> ChecksOf(IServiceProvider services) =>
        services.GetRequiredService<IOptions<HealthCheckServiceOptions>>().Value.Registrations
            .Select(check => check.Name);

    private static IServiceProvider Build(
        Action<HostApplicationBuilder> add, params (string Key, string Value)[] settings)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(
            settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)));
        add(builder);
        return builder.Build().Services;
    }
}
