using System.Diagnostics;
using System.Text.Json;
using KvStore.Cli.Dev;

namespace KvStore.Tests.Cli.Dev;

/// <summary>
/// A real <c>kv dev</c> with its output in a pipe, on free ports; killed on disposal, and its children with it.
/// </summary>
internal sealed class KvProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly List<DevEvent> _events = [];
    private readonly List<string> _errors = [];
    private readonly Process _process;
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private KvProcess(ProcessStartInfo start)
    {
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Take(line.Data, isError: false);
        _process.ErrorDataReceived += (_, line) => Take(line.Data, isError: true);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int ProcessId => _process.Id;

    public IReadOnlyList<DevEvent> Events
    {
        get
        {
            lock (_events)
                return [.. _events];
        }
    }

    public string Errors
    {
        get
        {
            lock (_events)
                return string.Join('\n', _errors);
        }
    }

    public static KvProcess Start(string[] args, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "kv.dll"), "dev", .. args])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["KVSTORE_WAL_SEGMENT_BYTES"] = "4194304";
        start.Environment["DATABASE_NODES"] = "http://localhost:1";    // somebody's shell; must not matter
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return new KvProcess(start);
    }

    /// <summary>Waits for an event.</summary>
    public async Task<DevEvent> SeesAsync(Func<DevEvent, bool> isIt, string claim)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            Task news;
            lock (_events)
            {
                if (_events.Find(new Predicate<DevEvent>(isIt)) is { } found)
                    return found;
                news = _news.Task;
            }

            Assert.True(watch.Elapsed < Patience && !_process.HasExited, $"Not seen: {claim}. {Everything()}");
            await Task.WhenAny(news, Task.Delay(TimeSpan.FromSeconds(1)));
        }
    }

    public Task<DevEvent> IsReadyAsync() => SeesAsync(happened => happened.Event == "ready", "ready");

    /// <summary>The process id of a program.</summary>
    public int PidOf(string name) =>
        Events.Last(happened => happened.Event == "started" && happened.Name == name).Pid!.Value;

    /// <summary>Kill -9 of this process alone.</summary>
    public void Kill() => _process.Kill();

    /// <summary>Waits for its end and gives the exit code.</summary>
    public async Task<int> EndsAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return _process.ExitCode;
    }

    /// <summary>Sends a signal to a process by its number.</summary>
    public static async Task SignalAsync(string signal, int pid)
    {
        using var kill = Process.Start("kill", [signal, $"{pid}"]);
        await kill.WaitForExitAsync();
        Assert.Equal(0, kill.ExitCode);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private string Everything() => string.Join('\n', Events.Select(happened => $"{happened}")) + "\n" + Errors;

    private void Take(string? line, bool isError)
    {
        if (line is null)
            return;
        lock (_events)
        {
            if (isError)
                _errors.Add(line);
            else
                _events.Add(JsonSerializer.Deserialize(line, DevJson.Lines.DevEvent)!);
            _news.TrySetResult();
            _news = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}
