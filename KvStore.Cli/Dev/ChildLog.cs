namespace KvStore.Cli.Dev;

/// <summary>
/// What a program prints, in a file of its own, which begins anew when it is full; the one before is kept. The last
/// line of its errors says why it ended.
/// </summary>
internal sealed class ChildLog : IDisposable
{
    private const long MaxFileBytes = 8 << 20;
    private const string Unhandled = "Unhandled exception.";

    private readonly Lock _gate = new();
    private readonly string _path;
    private StreamWriter? _file;
    private string? _reason;

    public ChildLog(string directory)
    {
        Directory.CreateDirectory(directory);
        _path = Path.Combine(directory, "output.log");
        _file = Open();
    }

    /// <summary>The last line of its errors, or the first of those of a defect; null when there was none.</summary>
    public string? Reason
    {
        get
        {
            lock (_gate)
                return _reason;
        }
    }

    /// <summary>A new life begins: what the last one said counts no more.</summary>
    public void BeginLife()
    {
        lock (_gate)
            _reason = null;
    }

    public void Write(string line, bool isError)
    {
        lock (_gate)
        {
            if (isError && line.Length > 0 && _reason?.StartsWith(Unhandled, StringComparison.Ordinal) != true)
                _reason = line.Trim();
            try
            {
                _file?.WriteLine(line);
                if (_file?.BaseStream.Length > MaxFileBytes)
                    Roll();
            }
            catch (IOException)
            {
                _file = null;    // a full disk takes no log; the nodes say so themselves
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _file?.Dispose();
            _file = null;
        }
    }

    private void Roll()
    {
        _file!.Dispose();
        File.Move(_path, Path.ChangeExtension(_path, ".old.log"), overwrite: true);
        _file = Open();
    }

    private StreamWriter Open() => new(new FileStream(_path, FileMode.Append, FileAccess.Write, FileShare.Read))
    {
        AutoFlush = true,
    };
}
