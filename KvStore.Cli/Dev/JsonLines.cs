using System.Text.Json;

namespace KvStore.Cli.Dev;

/// <summary>One JSON object per event and line.</summary>
internal sealed class JsonLines(TextWriter output) : IDevOutput
{
    private readonly Lock _gate = new();

    public void Report(DevEvent happened)
    {
        var line = JsonSerializer.Serialize(happened, DevJson.Lines.DevEvent);
        lock (_gate)
        {
            try
            {
                output.WriteLine(line);
            }
            catch (OutputEndedException)
            {
                // Who listened has gone; the cluster is there until it is ended.
            }
        }
    }

    public Task RunAsync(DevCluster cluster, CancellationToken end) => Task.CompletedTask;
}
