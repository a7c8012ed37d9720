using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using KvStore.Cli.Chaos.Load;
using KvStore.Verification;

namespace KvStore.Tests.Cli.Chaos.Load;

/// <summary>
/// What the clients of <c>kv chaos</c> take for a violation by itself, and what they leave to the checker.
/// </summary>
public sealed class LoadTests
{
    private const int Accounts = 10;

    private readonly RoundLog _log = new(mayLackRoom: false);

    /// <summary>An answer that is given again does not repeat the values that were replaced since.</summary>
    [Theory]
    [InlineData(Accounts, TransferLoad.Units, 0)]
    [InlineData(Accounts, TransferLoad.Units - 1, 1)]
    [InlineData(Accounts - 2, TransferLoad.Units, 0)]
    public async Task The_sum_is_judged_where_all_accounts_were_told(int told, int units, int oddities)
    {
        using var http = new HttpClient(new Answering(request =>
        {
            using var body = JsonDocument.Parse(request);
            var results = Enumerable.Range(0, body.RootElement.GetProperty("then").GetArrayLength())
                .Select(at => Result(200, at < told ? $",\"value\":{units}" : ""));
            return (HttpStatusCode.OK, Done(results));
        }));

        await TransferLoad.Over("p/", 1).ActAsync(Session(http, 1));

        Assert.Equal(oddities, _log.Oddities.Count);
        Assert.Equal(told, Assert.Single(_log.Operations).Ops!.Count);
    }

    /// <summary>
    /// Who writes where there is nothing may win late: when the value of who won at first was deleted by another race.
    /// </summary>
    [Fact]
    public async Task Two_may_win_where_nothing_was_there_and_one_where_a_version_was()
    {
        using var http = new HttpClient(new Answering(request => request is ['{', .. var rest] && rest.Contains("then")
            ? (HttpStatusCode.OK, Done([Result(201, "")]))
            : (HttpStatusCode.Created, "")));
        var load = RaceLoad.Over("p/", 1);

        await load.ActAsync(Session(http, 2));
        Assert.Equal([OperationResult.Ok, OperationResult.Ok], _log.Operations.Select(operation => operation.Result));
        Assert.Equal((0, 0), (_log.Races, _log.Oddities.Count));

        await load.ActAsync(Session(http, 2));
        Assert.Equal((1, 1), (_log.Races, _log.Oddities.Count));
    }

    private static string Done(IEnumerable<string> results) =>
        $"{{\"succeeded\":true,\"results\":[{string.Join(',', results)}]}}";

    private static string Result(int status, string more) => $"{{\"status\":{status},\"etag\":\"\\\"7\\\"\"{more}}}";

    private ClientSession Session(HttpClient http, int doors) => new(
        http, 0, [.. Enumerable.Repeat(new Door("http://localhost:1", null), doors)], _log, new("r"), new First());

    /// <summary>Draws the first of everything: of operations one that reads.</summary>
    private sealed class First : Random
    {
        public override int Next() => 0;

        public override int Next(int maxValue) => 0;

        public override int Next(int minValue, int maxValue) => minValue;
    }

    private sealed class Answering(Func<string, (HttpStatusCode Status, string Body)> answer) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken);
            var (status, text) = answer(body);
            return new HttpResponseMessage(status)
            {
                Content = new StringContent(text),
                Headers = { ETag = new EntityTagHeaderValue("\"7\"") },
            };
        }
    }
}
