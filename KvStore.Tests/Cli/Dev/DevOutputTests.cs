using KvStore.Cli;
using KvStore.Cli.Dev;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Cli.Dev;

public sealed class DevOutputTests
{
    [Fact]
    public void Events_are_lines_of_JSON_that_programs_can_rely_on()
    {
        var written = new StringWriter { NewLine = "\n" };
        var output = new JsonLines(written);
        output.Report(DevEvent.Telemetry(new("http://localhost:4317", OtlpTarget.Grpc, null)));
        output.Report(DevEvent.Started("node1", 4711, "http://localhost:8001"));
        output.Report(DevEvent.Ready("http://localhost:9000"));
        output.Report(DevEvent.Exited("node1", 137, null));
        output.Report(DevEvent.Exited("node2", 1, "it's \"ö\""));
        output.Report(DevEvent.Waiting("node2 starting"));

        Assert.Equal(
            """
            {"event":"telemetry","url":"http://localhost:4317","detail":"grpc"}
            {"event":"started","name":"node1","pid":4711,"url":"http://localhost:8001"}
            {"event":"ready","url":"http://localhost:9000"}
            {"event":"exited","name":"node1","code":137}
            {"event":"exited","name":"node2","code":1,"detail":"it's \"ö\""}
            {"event":"waiting","detail":"node2 starting"}

            """,
            written.ToString());
    }

    [Fact]
    public void A_cluster_goes_on_when_nobody_reads_its_events_any_more()
    {
        using var gone = new StandardOutput(new OutputTests.BrokenPipe());
        using var writer = new StreamWriter(gone, leaveOpen: true) { AutoFlush = true };

        var output = new JsonLines(writer);
        output.Report(DevEvent.Ready("http://localhost:9000"));
        output.Report(DevEvent.Ready("http://localhost:9000"));
    }

    [Fact]
    public void The_rate_is_that_of_the_last_seconds_and_begins_anew_with_the_counter()
    {
        var time = new FakeTimeProvider();
        var rate = new RequestRate(time);

        Assert.Equal(0, rate.Add(1000));
        Assert.Equal(100, After(1, 1100));
        Assert.Equal(200, After(1, 1400));
        Assert.Equal(350, After(1, 1800));    // of the last two seconds
        Assert.Equal(200, After(1, 1800));
        Assert.Equal(0, After(1, 1800));
        Assert.Equal(0, After(1, 5));    // the process was started again
        Assert.Equal(10, After(1, 15));

        double After(int seconds, long count)
        {
            time.Advance(TimeSpan.FromSeconds(seconds));
            return rate.Add(count);
        }
    }

    [Fact]
    public void The_reason_is_the_last_error_or_the_head_of_a_stack_trace()
    {
        using var folder = new TemporaryFolder();
        using var log = new ChildLog(folder.Path);

        Assert.Null(log.Reason);
        log.Write("info", isError: false);
        log.Write("first", isError: true);
        log.Write("second", isError: true);
        Assert.Equal("second", log.Reason);
        log.Write("Unhandled exception. Oh", isError: true);
        log.Write("   at Somewhere", isError: true);
        Assert.Equal("Unhandled exception. Oh", log.Reason);
        log.BeginLife();
        Assert.Null(log.Reason);
    }

    [Fact]
    public void A_log_has_a_limit_and_the_newest_lines()
    {
        using var folder = new TemporaryFolder();
        var line = new string('x', 1 << 20);
        using (var log = new ChildLog(folder.Path))
        {
            for (var i = 0; i < 40; i++)
                log.Write(line, isError: false);
            log.Write("newest", isError: false);
        }

        Assert.InRange(Directory.GetFiles(folder.Path).Sum(file => new FileInfo(file).Length), 1 << 20, 20 << 20);
        Assert.EndsWith("newest", File.ReadAllText(Path.Combine(folder.Path, "output.log")).TrimEnd());
    }

    private sealed class TemporaryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("kvstore-log-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
