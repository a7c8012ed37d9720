using System.Diagnostics;
using System.Text;
using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Tests.Cluster;

/// <summary>
/// One process of a <see cref="TestCluster"/>, with a client of its own; may be killed and started again.
/// </summary>
public sealed class TestProcess(
    string program, string name, int port, string directory, Dictionary<string, string> environment) : IAsyncDisposable
{
    private readonly StringBuilder _output = new();
    private Process? _process;

    /// <summary>Its name in the cluster.</summary>
    public string Name { get; } = name;

    /// <summary>The port of its HTTP API.</summary>
    public int Port { get; } = port;

    /// <summary>Its working directory.</summary>
    public string Directory { get; } = directory;

    /// <summary>What it is told at its next start.</summary>
    public Dictionary<string, string> Variables { get; } = environment;

    /// <summary>Asks this process and no other.</summary>
    public HttpClient Http { get; } = new(
        new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(5) })
    {
        BaseAddress = new Uri($"http://localhost:{port}"),
        Timeout = TimeSpan.FromSeconds(30),
    };

    /// <summary>The number the system knows it by.</summary>
    public int ProcessId => _process!.Id;

    /// <summary>What it printed, over all its lives.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return $"--- {Name}{Environment.NewLine}{_output}";
        }
    }

    /// <summary>Starts it, on the directory that it had before.</summary>
    public void Start()
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, program)])
        {
            WorkingDirectory = Directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var inherited = start.Environment.Keys.Where(key => key.StartsWith("ASPNETCORE_", StringComparison.Ordinal));
        foreach (var key in inherited.ToList())
            start.Environment.Remove(key);
        start.Environment["KVSTORE_STOP_WITH_STDIN"] = "true";    // nothing outlives the tests
        foreach (var (key, value) in Variables)
            start.Environment[key] = value;
        var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _process = process;
    }

    /// <summary>Kill -9: no chance to say or write anything.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    /// <summary>Whether it stands still, by SIGSTOP.</summary>
    public bool IsPaused
    {
        get
        {
            try
            {
                var stat = File.ReadAllText($"/proc/{ProcessId}/stat");
                return stat[(stat.LastIndexOf(')') + 2)..].StartsWith('T');
            }
            catch (IOException)
            {
                return false;    // it has ended, or this is no Linux
            }
        }
    }

    /// <summary>SIGSTOP: it stands still and knows nothing of it.</summary>
    public Task PauseAsync() => SignalAsync("-STOP");

    /// <summary>SIGCONT.</summary>
    public Task ContinueAsync() => SignalAsync("-CONT");

    /// <summary>
    /// Has something go wrong in it from now on. That may stop or end it before it has answered: returns then, too.
    /// </summary>
    public async Task SetFaultsAsync(string faults)
    {
        var planting = PlantAsync(faults);
        while (await Task.WhenAny(planting, Task.Delay(5)) != planting)
        {
            if (IsPaused)
                return;
        }

        try
        {
            await planting;
        }
        catch (HttpRequestException)
        {
            await EndsAsync();
        }
    }

    /// <summary>Asks it to end in order, and gives its exit code.</summary>
    public async Task<int> StopAsync()
    {
        _process!.StandardInput.Close();
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(40));
        var code = _process.ExitCode;
        _process.Dispose();
        _process = null;
        return code;
    }

    /// <summary>Waits until it ends by itself, and gives its exit code.</summary>
    public async Task<int> EndsAsync()
    {
        try
        {
            await _process!.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        }
        catch (TimeoutException)
        {
            Assert.Fail($"{Name} did not end within two minutes.{Environment.NewLine}{Output}");
        }

        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        if (_process is { HasExited: false })
            await KillAsync();
        _process?.Dispose();
    }

    private async Task PlantAsync(string faults)
    {
        var document = JsonSerializer.Serialize(new FaultsDocument(faults), ContractsJson.Default.FaultsDocument);
        using var body = new StringContent(document, Encoding.UTF8, "application/json");    // not chunked
        using var answer = await Http.PostAsync(Routes.Faults, body);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [signal, $"{ProcessId}"]);
        await kill.WaitForExitAsync();
    }

    private void Keep(string? line)
    {
        lock (_output)
        {
            if (line is not null && _output.Length < 1_000_000)
                _output.AppendLine(line);
        }
    }
}
