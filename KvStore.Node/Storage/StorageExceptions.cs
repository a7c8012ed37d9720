namespace KvStore.Node.Storage;

/// <summary>A data directory cannot be used; the message says why and what to do.</summary>
internal sealed class DataDirectoryException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Bytes that were flushed are not there any more or not the same. Nothing was cut or deleted.</summary>
internal sealed class DataDamagedException(string file, long offset, string found, string expected)
    : Exception($"{file}, offset {offset}: {found} found, {expected} expected. This copy of the data is damaged.")
{
    /// <summary>The damaged file.</summary>
    public string File { get; } = file;
}
