using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace KvStore.Tests.Cluster;

/// <summary>
/// What the operating system sees of a write: its bytes are flushed on a majority before it is answered.
/// </summary>
[Collection(nameof(ClusterCollection))]
public sealed partial class FlushBeforeAnswerTests : IDisposable
{
    private const int Writes = 50;

    private readonly string _folder = Directory.CreateTempSubdirectory("kvstore-strace-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_system_flushes_a_writes_bytes_on_a_majority_before_it_sends_the_answer()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && IsInstalled(), "strace is not installed here.");
        await using var cluster = await TestCluster.StartAsync();
        var nodes = cluster.Nodes;
        var watches = new List<Process>();
        foreach (var node in nodes)
            watches.Add(await WatchAsync(node));
        for (var number = 0; number < Writes; number++)
        {
            using var answer = await nodes[0].Http.PutAsync($"/v1/{KeyOf(number)}", new StringContent("value"));
            Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        }

        foreach (var watch in watches)
            await EndAsync(watch);
        var calls = nodes.Select(node => Parse(File.ReadLines(FileOf(node)))).ToList();
        var answers = calls[0].Where(call => call.Text.Contains("HTTP/1.1 201", StringComparison.Ordinal)).ToList();
        Assert.Equal(Writes, answers.Count);
        var flushes = new List<int>();
        for (var number = 0; number < Writes; number++)
            flushes.Add(calls.Count(node => FlushedAt(node, KeyOf(number)) is { } at && at < answers[number].Start));
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{Writes} writes: {flushes.Count(count => count == 2)} flushed by two nodes before the answer, "
            + $"{flushes.Count(count => count == 3)} by all three.");
        Assert.All(flushes, count => Assert.InRange(count, 2, 3));
    }

    private static string KeyOf(int number) => string.Create(CultureInfo.InvariantCulture, $"watched-{number:d3}");

    /// <summary>When the flush returned that followed the write of the key's bytes to the log.</summary>
    private static double? FlushedAt(List<SystemCall> calls, string key)
    {
        var write = calls.Find(call => call.Name == "pwrite64" && call.Text.Contains(key, StringComparison.Ordinal));
        var flush = write is null ? null : calls.Find(call => call.IsFlushAfter(write));
        return flush?.End;
    }

    private static bool IsInstalled() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Any(folder => File.Exists(Path.Combine(folder, "strace")));

    private async Task<Process> WatchAsync(TestProcess node)
    {
        var start = new ProcessStartInfo("strace",
        [
            "-f", "-ttt", "-T", "-s", "2000", "-e", "trace=pwrite64,fdatasync,sendmsg,sendto,write",
            "-o", FileOf(node), "-p", node.ProcessId.ToString(CultureInfo.InvariantCulture),
        ])
        {
            RedirectStandardError = true,
        };
        var watch = Process.Start(start)!;
        var line = await watch.StandardError.ReadLineAsync();
        if (line?.Contains("attached", StringComparison.Ordinal) == true)
        {
            _ = watch.StandardError.ReadToEndAsync();
            return watch;
        }

        await watch.WaitForExitAsync();
        Assert.Skip($"strace may not watch here: {line}");
        throw new UnreachableException();
    }

    private static async Task EndAsync(Process watch)
    {
        using var kill = Process.Start("kill", ["-INT", watch.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
        await watch.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        watch.Dispose();
    }

    private string FileOf(TestProcess node) => Path.Combine(_folder, node.Name);

    /// <summary>Puts the two halves of calls together that strace printed in parts.</summary>
    private static List<SystemCall> Parse(IEnumerable<string> lines)
    {
        var calls = new List<SystemCall>();
        var begun = new Dictionary<string, SystemCall>();
        foreach (var line in lines)
        {
            if (Begin().Match(line) is { Success: true } begin)
            {
                string Part(string name) => begin.Groups[name].Value;
                var (thread, at) = (Part("thread"), Number(Part("at")));
                var call = new SystemCall(Part("name"), Part("file"), Part("text"), at);
                calls.Add(call);
                if (line.EndsWith("<unfinished ...>", StringComparison.Ordinal))
                    begun[thread] = call;
                else
                    call.Ended(at, line);
            }
            else if (Resumed().Match(line) is { Success: true } resumed
                && begun.Remove(resumed.Groups["thread"].Value, out var call))
            {
                call.Ended(call.Start, line);
            }
        }

        return calls;
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(?<thread>\d+)\s+(?<at>[\d.]+) (?<name>\w+)\((?<file>\d+)(?<text>.*)$")]
    private static partial Regex Begin();

    [GeneratedRegex(@"^(?<thread>\d+)\s+(?<at>[\d.]+) <\.\.\. \w+ resumed>")]
    private static partial Regex Resumed();

    [GeneratedRegex(@"= (?<result>-?\d+).*<(?<seconds>[\d.]+)>$")]
    private static partial Regex Result();

    /// <summary>A call that a process made, in seconds since 1970.</summary>
    private sealed class SystemCall(string name, string file, string text, double start)
    {
        public string Name { get; } = name;

        public string File { get; } = file;

        public string Text { get; } = text;

        public double Start { get; } = start;

        public double End { get; private set; } = double.MaxValue;

        public bool IsSuccess { get; private set; }

        public bool IsFlushAfter(SystemCall write) =>
            Name == "fdatasync" && File == write.File && Start >= write.End && IsSuccess;

        public void Ended(double start, string line)
        {
            if (Result().Match(line) is not { Success: true } result)
                return;
            End = start + Number(result.Groups["seconds"].Value);
            IsSuccess = !result.Groups["result"].Value.StartsWith('-');
        }
    }
}
