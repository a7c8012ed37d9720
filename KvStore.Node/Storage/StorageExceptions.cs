namespace KvStore.Node.Storage;

/// <summary>A data directory cannot be used; the message says why and what to do.</summary>
internal class DataDirectoryException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>A file that somebody has put there: no damage, and what it is for is not known.</summary>
    public static DataDirectoryException Stranger(string path) =>
        new($"{path} is no file that a node makes. Nothing was changed; move it elsewhere and start again.");
}

/// <summary>
/// Whole bytes that this version cannot read: another one wrote them. That is no damage, and the disk is not given up.
/// </summary>
internal sealed class OtherFormatException(string file, string found, Exception? inner = null)
    : DataDirectoryException(
        $"{file} is whole, but this version cannot read it: {found.TrimEnd('.')}. Nothing was changed; start the "
        + "version that wrote it, or a later one.",
        inner);

/// <summary>
/// A snapshot found no room while it was written aside. What there is of it is part of nothing, and the log still has
/// all that it would have stood for, so this ends nobody.
/// </summary>
internal sealed class NoRoomException(string path, Exception inner)
    : IOException($"There is no room for {path}: {inner.Message}", inner);

/// <summary>Bytes that were flushed are not there any more or not the same. Nothing was cut or deleted.</summary>
internal sealed class DataDamagedException(string what) : Exception($"{what} This copy of the data is damaged.")
{
    public DataDamagedException(string file, long offset, string found, string expected)
        : this($"{file}, offset {offset}: {found} found, {expected} expected.")
    {
    }
}
