using System.Diagnostics;
using KvStore.Cli;
using Microsoft.AspNetCore.Http;

namespace KvStore.Tests.Cli;

/// <summary>What becomes of a verb when its output can no longer be written.</summary>
public sealed class OutputTests
{
    [Fact]
    public async Task Who_has_read_enough_ends_a_verb_and_the_shell_is_told_so()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no SIGPIPE.");
        await using var server = await FakeServer.StartAsync(context => context.Response.WriteAsJsonAsync(new
        {
            items = Enumerable.Range(0, 100_000).Select(number => new { key = $"key-{number:D6}" }),
        }));
        var start = new ProcessStartInfo(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, "kv.dll"), "ls", "--server", server.Url])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var kv = Process.Start(start)!;
        var errors = kv.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);

        Assert.Equal("key-000000", await kv.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        kv.StandardOutput.Close();
        await kv.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal((ExitCodes.OutputEnded, ""), (kv.ExitCode, await errors));
    }

    [Theory]
    [InlineData("export")]
    [InlineData("ls")]
    [InlineData("watch")]
    [InlineData("get", "k")]
    [InlineData("get", "k", "-o", "json")]
    [InlineData("--help")]
    public async Task Every_verb_ends_silently_when_nobody_reads_it(params string[] args)
    {
        await using var server = await ServerAsync();
        var terminal = new MemoryTerminal { Variables = { ["KVSTORE_SERVER"] = server.Url } };

        Assert.Equal(ExitCodes.OutputEnded, await RunAsync(terminal, new BrokenPipe(), args));
        Assert.Empty(terminal.Errors);
    }

    [Theory]
    [InlineData("export")]
    [InlineData("ls")]
    [InlineData("get", "k")]
    public async Task An_output_that_is_full_is_a_failure(params string[] args)
    {
        await using var server = await ServerAsync();
        var terminal = new MemoryTerminal { Variables = { ["KVSTORE_SERVER"] = server.Url } };

        Assert.Equal(ExitCodes.Failed, await RunAsync(terminal, new BrokenPipe(error: 28), args));
        Assert.StartsWith("kv: Standard output cannot be written: ", terminal.Errors);
        Assert.Single(terminal.Errors.TrimEnd().Split('\n'));
    }

    private static Task<int> RunAsync(MemoryTerminal memory, Stream inner, string[] args)
    {
        var output = new StandardOutput(inner);
        return CommandLine.RunAsync(args, memory.Open() with
        {
            Out = new StreamWriter(output) { AutoFlush = true },
            OutBytes = output,
        });
    }

    private static Task<FakeServer> ServerAsync() => FakeServer.StartAsync(async context =>
    {
        var (type, body) = Path.GetFileName(context.Request.Path.Value) switch
        {
            "export" => ("application/x-ndjson", "{\"key\":\"a\"}\n{\"end\":true,\"count\":1,\"snapshot\":\"s\"}\n"),
            "keys" => ("application/json", """{"items":[{"key":"a"}]}"""),
            "watch" => ("text/event-stream", "event: put\ndata: {\"key\":\"a\",\"version\":1}\n\n"),
            _ => ("application/json", """{"key":"k","value":1,"version":1}"""),
        };
        context.Response.ContentType = type;
        await context.Response.WriteAsync(body);
    });

    /// <summary>Fails each write as the system does when nobody reads a pipe, or with another of its errors.</summary>
    internal sealed class BrokenPipe(int error = 32) : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException("It cannot be.", error);

        public override ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            throw new IOException("It cannot be.", error);
    }
}
