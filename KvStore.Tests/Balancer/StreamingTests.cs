using System.Net;
using System.Text.Json;
using KvStore.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Balancer;

/// <summary>What passes through as it comes: answers without an end, bodies without a limit.</summary>
public sealed class StreamingTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData("/buckets/b/watch", "text/event-stream")]
    [InlineData("/buckets/b/export", "application/x-ndjson")]
    public async Task An_answer_is_passed_on_as_it_comes_and_has_no_deadline_once_it_has_begun(
        string rawTarget, string contentType)
    {
        var time = new FakeTimeProvider();
        await using var cluster = await FakeCluster.StartAsync(time: time);
        var next = new SemaphoreSlim(0);
        cluster.Nodes.ForEach(node => node.Answer = async context =>
        {
            context.Response.ContentType = contentType;
            while (true)
            {
                await context.Response.WriteAsync("some\n");
                await context.Response.Body.FlushAsync();
                await next.WaitAsync(context.RequestAborted);
            }
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, rawTarget);
        using var answer = await cluster.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(contentType, answer.Content.Headers.ContentType!.MediaType);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal("some", await lines.ReadLineAsync().WaitAsync(Patience));
            time.Advance(TimeSpan.FromSeconds(15));    // a minute in all, of 10 s that a request may take
            next.Release();
        }

        Assert.Single(cluster.Nodes.SelectMany(node => node.Requests));
    }

    [Fact]
    public async Task An_import_that_is_refused_by_its_head_is_told_so_however_much_there_is_of_it()
    {
        await using var cluster = await FakeCluster.StartAsync();
        cluster.Nodes.ForEach(node =>
        {
            node.LeavesBody = true;
            node.Answer = async context =>
            {
                context.Response.Headers.Connection = "close";
                await node.RefuseAsync(context, ProblemType.BucketNotFound);
            };
        });
        var lines = string.Concat(Enumerable.Repeat("{\"key\":\"a\",\"value\":1}\n", 10_000));
        var head = "POST /buckets/b/import HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-ndjson\r\n"
            + "Content-Length: 50000000\r\n\r\n";
        Assert.Equal("HTTP/1.1 404 Not Found", await cluster.SendRawAsync(head + lines));
        Assert.Single(cluster.Nodes.SelectMany(node => node.Requests));
    }

    [Fact]
    public async Task An_export_that_breaks_off_breaks_off_for_the_client_too()
    {
        await using var cluster = await FakeCluster.StartAsync();
        TaskCompletionSource isRead = new(TaskCreationOptions.RunContinuationsAsynchronously);
        cluster.Nodes.ForEach(node => node.Answer = async context =>
        {
            context.Response.ContentType = "application/x-ndjson";
            context.Response.ContentLength = 1000;    // more than there is: then the connection ends
            await context.Response.WriteAsync("{\"key\":\"a\"}\n");
            await context.Response.Body.FlushAsync();
            await isRead.Task;
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, "/buckets/b/export");
        using var answer = await cluster.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal("{\"key\":\"a\"}", await lines.ReadLineAsync());
        isRead.SetResult();
        await Assert.ThrowsAnyAsync<IOException>(() => lines.ReadLineAsync());
        Assert.Single(cluster.Nodes.SelectMany(node => node.Requests));
    }

    [Fact]
    public async Task A_stream_of_events_begins_before_its_first_event()
    {
        await using var cluster = await FakeCluster.StartAsync();
        cluster.Nodes.ForEach(node => node.Answer = async context =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.Body.FlushAsync();
            await HangAsync(context);
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, "/buckets/b/watch");
        using var answer = await cluster.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task The_body_of_an_import_is_passed_on_as_it_comes_without_limit_or_deadline()
    {
        var time = new FakeTimeProvider();
        await using var cluster = await FakeCluster.StartAsync(
            time: time, settings: [("KvStore:Balancer:MaxValueBytes", "1000")]);
        var hasBegun = new TaskCompletionSource();
        cluster.Nodes.ForEach(node =>
        {
            node.LeavesBody = true;
            node.Answer = async context =>
            {
                var first = await context.Request.Body.ReadAsync(new byte[1000]);
                hasBegun.SetResult();
                using var rest = new MemoryStream();
                await context.Request.Body.CopyToAsync(rest);
                await context.Response.WriteAsync($"{first + rest.Length}");
            };
        });
        using var content = new SlowContent(async stream =>
        {
            await stream.WriteAsync(new byte[50_000]);    // more than a client gathers before it sends
            await stream.FlushAsync();
            await hasBegun.Task.WaitAsync(Patience);
            time.Advance(TimeSpan.FromSeconds(30));
            await stream.WriteAsync(new byte[100_000]);
        });
        using var answer = await cluster.SendAsync(HttpMethod.Post, "/buckets/b/import", content);
        Assert.Equal("150000", await answer.Content.ReadAsStringAsync());
        var request = Assert.Single(cluster.Nodes.SelectMany(node => node.Requests));
        Assert.False(request.Headers.ContainsKey(KvHeaders.Timeout));
    }

    [Fact]
    public async Task An_import_that_breaks_off_is_not_sent_again_and_may_be_applied()
    {
        await using var cluster = await FakeCluster.StartAsync();
        cluster.Nodes.ForEach(node => node.Answer = context =>
        {
            context.Abort();
            return Task.CompletedTask;
        });
        using var answer = await cluster.SendAsync(
            HttpMethod.Post, "/buckets/b/import", new ByteArrayContent(new byte[1000]));
        var problem = await ProblemOf(answer);
        Assert.Equal(("deadline-exceeded", Applied.Unknown), (problem.Code, problem.Applied));
        Assert.Single(cluster.Nodes.SelectMany(node => node.Requests));
    }

    [Fact]
    public async Task An_import_that_a_node_refuses_for_this_moment_is_refused()
    {
        await using var cluster = await FakeCluster.StartAsync();
        cluster.Nodes.ForEach(node => node.Answer = context => node.RefuseAsync(context, ProblemType.Draining));
        using var answer = await cluster.SendAsync(
            HttpMethod.Post, "/buckets/b/import", new ByteArrayContent(new byte[1000]));
        Assert.Equal(("draining", Applied.No), ((await ProblemOf(answer)).Code, (await ProblemOf(answer)).Applied));
        Assert.Single(cluster.Nodes.SelectMany(node => node.Requests));
    }

    [Fact]
    public async Task An_import_that_cannot_have_reached_a_node_goes_to_another()
    {
        await using var cluster = await FakeCluster.StartAsync();
        await cluster.Nodes[0].StopAsync();
        await cluster.Nodes[1].StopAsync();
        using var answer = await cluster.SendAsync(
            HttpMethod.Post, "/buckets/b/import", new ByteArrayContent(new byte[1000]));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(1000, Assert.Single(cluster.Nodes[2].Requests).Body.Length);
    }

    [Theory]
    [InlineData("5\r\nhello\r\nnonsense\r\n", "400")]
    [InlineData("-1\r\n", "400")]
    public async Task An_import_that_is_no_body_is_refused(string chunks, string status)
    {
        await using var cluster = await FakeCluster.StartAsync();
        var answer = await cluster.SendRawAsync(
            $"POST /buckets/b/import HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/k")]
    [InlineData("/buckets/b/watch")]
    public async Task A_read_that_waits_for_a_change_has_that_time_beyond_its_deadline(string rawTarget)
    {
        var time = new FakeTimeProvider();
        await using var cluster = await FakeCluster.StartAsync(time: time);
        var (reached, changed) = (new TaskCompletionSource(), new TaskCompletionSource());
        cluster.Nodes.ForEach(node => node.Answer = async context =>
        {
            reached.TrySetResult();
            await changed.Task;
            await context.Response.WriteAsync("changed");
        });
        var pending = cluster.SendAsync(
            HttpMethod.Get, rawTarget, null, (KvHeaders.Timeout, "5s"), (KvHeaders.Prefer, "return=minimal, wait=30"));
        await reached.Task.WaitAsync(Patience);
        time.Advance(TimeSpan.FromSeconds(37.9));    // a node may wait a tenth longer than it is asked to
        changed.SetResult();

        using var answer = await pending;
        Assert.Equal("changed", await answer.Content.ReadAsStringAsync());
        var headers = Assert.Single(cluster.Nodes.SelectMany(node => node.Requests)).Headers;
        Assert.Equal(("4750ms", "return=minimal, wait=30"), (headers[KvHeaders.Timeout], headers[KvHeaders.Prefer]));
    }

    [Theory]
    [InlineData("GET", "wait=30", 39)]
    [InlineData("PUT", "wait=30", 6)]
    [InlineData("GET", "return=minimal", 6)]
    public async Task The_deadline_still_comes(string method, string prefer, int seconds)
    {
        var time = new FakeTimeProvider();
        await using var cluster = await FakeCluster.StartAsync(time: time);
        var reached = new TaskCompletionSource();
        cluster.Nodes.ForEach(node => node.Answer = context =>
        {
            reached.TrySetResult();
            return HangAsync(context);
        });
        var pending = cluster.SendAsync(
            new HttpMethod(method), "/v1/k", null, (KvHeaders.Timeout, "5s"), (KvHeaders.Prefer, prefer));
        await reached.Task.WaitAsync(Patience);
        time.Advance(TimeSpan.FromSeconds(seconds));

        using var answer = await pending;
        Assert.Equal(HttpStatusCode.GatewayTimeout, answer.StatusCode);
    }

    private static async Task HangAsync(HttpContext context)
    {
        var gone = new TaskCompletionSource();
        await using var registration = context.RequestAborted.Register(gone.SetResult);
        await gone.Task;
    }

    private static async Task<Problem> ProblemOf(HttpResponseMessage answer) => JsonSerializer.Deserialize(
        await answer.Content.ReadAsByteArrayAsync(), ContractsJson.Default.Problem)!;

    private sealed class SlowContent(Func<Stream, Task> write) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => write(stream);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
