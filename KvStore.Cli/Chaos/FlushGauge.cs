using System.Diagnostics;

namespace KvStore.Cli.Chaos;

/// <summary>How long a flush takes in a directory, as long as all is well.</summary>
internal static class FlushGauge
{
    private const int Flushes = 101;
    private const int BlockBytes = 4096;

    /// <summary>The median of some, in room that was filled before, as a log's is.</summary>
    public static TimeSpan Measure(string directory)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            BufferSize = 0,
            Options = FileOptions.DeleteOnClose,
        };
        using var file = new FileStream(Path.Combine(directory, "flush.tmp"), options);
        file.Write(new byte[Flushes * BlockBytes]);
        file.Flush(flushToDisk: true);
        var block = new byte[BlockBytes];
        Array.Fill(block, (byte)1);
        file.Position = 0;
        List<TimeSpan> took = [];
        for (var flush = 0; flush < Flushes; flush++)
        {
            file.Write(block);
            var begun = Stopwatch.GetTimestamp();
            file.Flush(flushToDisk: true);
            took.Add(Stopwatch.GetElapsedTime(begun));
        }

        took.Sort();
        return took[Flushes / 2];
    }
}
