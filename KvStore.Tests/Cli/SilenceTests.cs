using System.IO.Pipelines;
using System.Text;
using KvStore.Cli;
using KvStore.Cli.Server;
using KvStore.Cli.Verbs;
using KvStore.Client.Transport;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Cli;

/// <summary>What the verbs that read on and on do when a server says nothing any more.</summary>
public sealed class SilenceTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly FakeTimeProvider _time = new();
    private readonly MemoryTerminal _memory = new();
    private readonly Pipe _output = new();
    private readonly CancellationTokenSource _late = new(Patience);
    private readonly List<string> _targets = [];
    private readonly TaskCompletionSource _askedAgain = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Dispose()
    {
        _memory.Dispose();
        _late.Dispose();
    }

    [Fact]
    public async Task A_watch_goes_on_from_its_last_cursor_when_nothing_came_for_three_heartbeats()
    {
        await using var node = await NodeAsync(
            "text/event-stream",
            "id: c1\nevent: put\ndata: {\"key\":\"a\"}\n\n",
            "event: end\ndata: {\"reason\":\"bucket-gone\"}\n\n");
        using var server = new KvServer(new Uri(node.Url));
        await using var print = new StreamWriter(_output.Writer.AsStream()) { AutoFlush = true };
        var terminal = _memory.Open() with { Time = _time, Out = print };

        var watch = WatchVerb.FollowAsync(
            terminal, server, "/buckets/b/watch?values=none", "now", WatchVerb.PrinterOf(terminal, null), _late.Token);
        Assert.Contains("\"c1\"", await FirstLineAsync());
        await BeSilentAsync(TimeSpan.FromSeconds(45));

        var gone = await Assert.ThrowsAsync<FailureException>(() => watch);
        Assert.Equal(ExitCodes.NotFound, gone.ExitCode);
        Assert.Equal(["/buckets/b/watch?values=none&since=now", "/buckets/b/watch?values=none&since=c1"], _targets);
        Assert.Contains("Nothing came for 45 seconds", _memory.Errors);
    }

    [Fact]
    public async Task An_export_goes_on_from_its_last_cursor_when_nothing_came_for_a_minute()
    {
        await using var node = await NodeAsync(
            "application/x-ndjson",
            "{\"key\":\"a\"}\n{\"cursor\":\"c1\",\"count\":1}\n",
            "{\"end\":true,\"count\":1,\"snapshot\":\"s\"}\n");
        using var server = new KvServer(new Uri(node.Url));
        await using var sink = _output.Writer.AsStream();
        var terminal = _memory.Open() with { Time = _time };

        var export = new Exporter(terminal, server, "/buckets/b/export?prefix=", sink, isFile: false).RunAsync();
        Assert.Contains("\"a\"", await FirstLineAsync());
        await BeSilentAsync(TimeSpan.FromSeconds(60));

        Assert.Equal(1, await export.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.Equal(["/buckets/b/export?prefix=", "/buckets/b/export?prefix=&cursor=c1"], _targets);
    }

    [Fact]
    public async Task A_watch_that_is_being_opened_ends_at_once_when_it_is_told_to()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var node = await FakeServer.StartAsync(async context =>
        {
            asked.SetResult();
            await NeverAsync(context);
        });
        using var server = new KvServer(new Uri(node.Url));
        using var interrupt = new CancellationTokenSource();

        var terminal = _memory.Open();
        var watch = WatchVerb.FollowAsync(
            terminal,
            server,
            "/buckets/b/watch?values=none",
            "now",
            WatchVerb.PrinterOf(terminal, null),
            interrupt.Token);
        await asked.Task.WaitAsync(_late.Token);
        await interrupt.CancelAsync();

        await watch.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Empty(_memory.Errors);
    }

    [Fact]
    public async Task A_refusal_whose_words_do_not_come_is_a_refusal_by_its_status()
    {
        await using var node = await FakeServer.StartAsync(async context =>
        {
            context.Response.StatusCode = 503;
            context.Response.ContentType = "application/problem+json";
            await context.Response.WriteAsync("{");
            await context.Response.Body.FlushAsync();
            await NeverAsync(context);
        });
        using var server = new KvServer(new Uri(node.Url), _time);

        var opening = server.OpenAsync(server.For(HttpMethod.Get, "/buckets/b/watch"), _late.Token);
        while (!opening.IsCompleted)
        {
            Assert.False(_late.IsCancellationRequested, "It waits for ever.");
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        var refused = await Assert.ThrowsAsync<FailureException>(() => opening);
        Assert.Equal(ExitCodes.Unavailable, refused.ExitCode);
        Assert.Contains("answered 503 without saying why", refused.Message);
    }

    [Fact]
    public async Task Whatever_comes_lets_a_stream_wait_as_long_again()
    {
        var pipe = new Pipe();
        await using var stream = new LiveStream(pipe.Reader.AsStream(), TimeSpan.FromSeconds(45), _time);
        var buffer = new byte[8];
        for (var beat = 0; beat < 4; beat++)
        {
            var read = stream.ReadAsync(buffer, _late.Token).AsTask();
            _time.Advance(TimeSpan.FromSeconds(44));
            Assert.False(read.IsCompleted);
            await pipe.Writer.WriteAsync(": \n\n"u8.ToArray(), _late.Token);
            Assert.Equal(4, await read);
        }

        var last = stream.ReadAsync(buffer, _late.Token).AsTask();
        _time.Advance(TimeSpan.FromSeconds(45));
        await Assert.ThrowsAsync<IOException>(() => last);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => stream.ReadAsync(buffer, new CancellationToken(canceled: true)).AsTask());
    }

    [Fact]
    public async Task A_verb_perseveres_for_a_minute_from_the_first_failure_however_late_that_was_noticed()
    {
        var perseverance = new Perseverance(_memory.Open() with { Time = _time });
        Assert.False(await perseverance.GoesOnAfterAsync(new IOException()));    // nothing was done yet

        for (var page = 1; page <= 2; page++)
        {
            perseverance.Done(page);
            _time.Advance(TimeSpan.FromSeconds(65));
            Assert.True(await GoesOnAsync());
            _time.Advance(TimeSpan.FromSeconds(55));
            Assert.True(await GoesOnAsync());
        }

        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(await GoesOnAsync());

        Task<bool> GoesOnAsync()
        {
            var goesOn = perseverance.GoesOnAfterAsync(new IOException());
            _time.Advance(TimeSpan.FromSeconds(1));
            return goesOn;
        }
    }

    private static Task NeverAsync(HttpContext context) =>
        Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);

    /// <summary>Says the first and then no more, nor that it ended; to who asks again, the second.</summary>
    private async Task<FakeServer> NodeAsync(string type, string first, string second)
    {
        FakeServer? node = null;
        node = await FakeServer.StartAsync(async context =>
        {
            _targets.Add(node!.Target);
            context.Response.ContentType = type;
            if (_targets.Count > 1)
            {
                _askedAgain.SetResult();
                await context.Response.WriteAsync(second);
                return;
            }

            await context.Response.WriteAsync(first);
            await context.Response.Body.FlushAsync();
            await NeverAsync(context);
        });
        return node;
    }

    private async Task<string> FirstLineAsync()
    {
        var read = await _output.Reader.ReadAsync(_late.Token);
        var text = Encoding.UTF8.GetString(read.Buffer);
        _output.Reader.AdvanceTo(read.Buffer.End);
        return text;
    }

    /// <summary>Lets time go by until somebody asks again, who may not have begun to wait yet.</summary>
    private async Task BeSilentAsync(TimeSpan silence)
    {
        _time.Advance(silence - TimeSpan.FromSeconds(1));
        while (!_askedAgain.Task.IsCompleted)
        {
            Assert.False(_late.IsCancellationRequested, "Nobody asked again.");
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
    }
}
