using System.Net;
using System.Net.Http.Headers;
using System.Text;
using KvStore.Cli.Chaos.Load;
using KvStore.Contracts;
using KvStore.Verification;

namespace KvStore.Tests.Cli.Chaos.Load;

/// <summary>What an answer means for the history: three outcomes, never blurred.</summary>
public sealed class AttemptTests
{
    private static readonly Door Balancer = new("http://localhost:1", null);

    [Theory]
    [InlineData(HttpStatusCode.Created, false)]
    [InlineData(HttpStatusCode.NoContent, true)]
    public async Task A_write_that_was_done_tells_its_version_and_whether_the_key_was_there(
        HttpStatusCode code, bool existed)
    {
        using var answer = new HttpResponseMessage(code) { Headers = { ETag = new EntityTagHeaderValue("\"7\"") } };

        Assert.Equal(
            new Attempt(OperationResult.Ok, (int)code, Found: existed, Etag: "\"7\""),
            await SendAsync(Put, answer));
    }

    [Fact]
    public async Task A_read_tells_what_it_found()
    {
        using var answer = new HttpResponseMessage
        {
            Headers = { ETag = new EntityTagHeaderValue("\"7\"") },
            Content = new StringContent("""{"key":"k","value":"12","version":7}"""),
        };

        Assert.Equal(new Attempt(OperationResult.Ok, 200, "12", true, "\"7\""), await SendAsync(Get, answer));
    }

    [Fact]
    public async Task An_increment_tells_the_sum()
    {
        using var answer = new HttpResponseMessage
        {
            Headers = { ETag = new EntityTagHeaderValue("\"7\"") },
            Content = new StringContent("""{"key":"k","value":12,"version":7}"""),
        };

        Assert.Equal(
            new Attempt(OperationResult.Ok, 200, "12", Etag: "\"7\""),
            await SendAsync(Of(OperationKind.Increment) with { By = 2 }, answer));
    }

    [Fact]
    public async Task A_key_that_is_not_there_is_an_observation()
    {
        using var answer = ProblemOf(ProblemType.NotFound, Applied.No);

        Assert.Equal(new Attempt(OperationResult.Ok, 404, Found: false), await SendAsync(Get, answer));
        Assert.Equal(new Attempt(OperationResult.Ok, 404, Found: false), await SendAsync(Delete, answer));
        Assert.Equal(
            new Attempt(OperationResult.Fail, 404, Found: false),
            await SendAsync(Delete with { IfMatch = "\"7\"" }, answer));
    }

    [Fact]
    public async Task A_condition_that_does_not_hold_tells_what_is_there_instead()
    {
        using var answer = ProblemOf(ProblemType.PreconditionFailed, Applied.No, "\"8\"");

        Assert.Equal(
            new Attempt(OperationResult.Fail, 412, Etag: "\"8\""),
            await SendAsync(Put with { IfMatch = "\"7\"" }, answer));
    }

    [Theory]
    [InlineData("no-quorum", Applied.No, OperationResult.Rejected)]
    [InlineData("overloaded", Applied.No, OperationResult.Rejected)]
    [InlineData("deadline-exceeded", Applied.Unknown, OperationResult.Unknown)]
    [InlineData("internal", Applied.Unknown, OperationResult.Unknown)]
    public async Task A_refused_write_is_rejected_only_when_the_answer_says_so(
        string code, Applied applied, OperationResult result)
    {
        var type = ProblemType.All.Single(type => type.Code == code);
        using var answer = ProblemOf(type, applied);

        Assert.Equal(new Attempt(result, type.Status), await SendAsync(Put, answer));
        Assert.Equal(new Attempt(OperationResult.Rejected, type.Status), await SendAsync(Get, answer));
    }

    [Fact]
    public async Task An_answer_that_explains_nothing_leaves_a_write_unknown()
    {
        using var answer = new HttpResponseMessage(HttpStatusCode.BadGateway);

        Assert.Equal(new Attempt(OperationResult.Unknown, 502), await SendAsync(Put, answer));
    }

    /// <summary>Whatever the error is called.</summary>
    [Theory]
    [InlineData(false, OperationResult.Rejected)]
    [InlineData(true, OperationResult.Unknown)]
    public async Task A_write_is_unknown_as_soon_as_it_has_left(bool hasLeft, OperationResult result)
    {
        foreach (var write in new[] { Put, Delete })
        {
            using var http = new HttpClient(new Failing(hasLeft));

            Assert.Equal(new Attempt(result, 0), await SendAsync(write, http));
        }
    }

    private static HistoryOperation Get => Of(OperationKind.Get);

    private static HistoryOperation Put => Of(OperationKind.Put) with { Value = "1" };

    private static HistoryOperation Delete => Of(OperationKind.Delete);

    private static HistoryOperation Of(OperationKind kind) =>
        new() { Client = 1, CallNs = 1, Op = kind, Key = "k", Result = OperationResult.Unknown };

    private static HttpResponseMessage ProblemOf(ProblemType type, Applied applied, string? etag = null)
    {
        var problem = Problem.Of(type, applied: applied) with { CurrentEtag = etag };
        var body = System.Text.Json.JsonSerializer.Serialize(problem, ContractsJson.Default.Problem);
        return new HttpResponseMessage((HttpStatusCode)type.Status)
        {
            Content = new StringContent(body, Encoding.UTF8, Problem.MediaType),
        };
    }

    private static async Task<Attempt> SendAsync(HistoryOperation operation, HttpResponseMessage answer)
    {
        using var http = new HttpClient(new Answering(answer));
        return await SendAsync(operation, http);
    }

    private static Task<Attempt> SendAsync(HistoryOperation operation, HttpClient http) =>
        Attempt.SendAsync(http, Balancer, operation, "id", TimeSpan.FromSeconds(1));

    private sealed class Failing(bool afterSending) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (afterSending)
                await request.Content!.CopyToAsync(Stream.Null, cancellationToken);
            throw new HttpRequestException(HttpRequestError.ConnectionError);
        }
    }

    private sealed class Answering(HttpResponseMessage answer) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var body = await answer.Content.ReadAsByteArrayAsync(cancellationToken);
            var copy = new HttpResponseMessage(answer.StatusCode) { Content = new ByteArrayContent(body) };
            foreach (var (name, values) in answer.Headers)
                copy.Headers.TryAddWithoutValidation(name, values);
            copy.Content.Headers.ContentType = answer.Content.Headers.ContentType;
            return copy;
        }
    }
}
