namespace KvStore.Node.Storage;

/// <summary>
/// All that storage asks of files. The real one is <see cref="PhysicalFileSystem"/>; tests lose and damage.
/// </summary>
internal interface IFileSystem
{
    /// <summary>
    /// Makes a folder that only its owner may enter, and those above it, durably; nothing when it is there.
    /// </summary>
    void CreateDirectory(string path);

    /// <summary>
    /// Keeps all other processes out until disposed or until this process ends; null when another is in.
    /// </summary>
    IDisposable? TryLock(string path);

    /// <summary>Full paths of a folder's files, in ordinal order of their names.</summary>
    IReadOnlyList<string> Files(string directory);

    bool Exists(string path);

    /// <summary>A new, empty file, which may be written; replaces one that is there.</summary>
    IStorageFile Create(string path);

    /// <summary>An existing file, to read and write.</summary>
    IStorageFile Open(string path);

    /// <summary>Renames a file, replacing one that is there. Durable after <see cref="FlushDirectory"/>.</summary>
    void Move(string from, string to);

    void Delete(string path);

    /// <summary>How much room the file system has that an existing folder is on, and what it is.</summary>
    DiskSpace SpaceOf(string directory);

    /// <summary>Makes the creation, renaming and deletion of a folder's files durable.</summary>
    void FlushDirectory(string path);
}

/// <summary>Bytes of a file system, and what it is: its kind and its name, such as <c>ext4</c>, where known.</summary>
internal readonly record struct DiskSpace(
    long FreeBytes, long TotalBytes, DriveType Kind = DriveType.Unknown, string Format = "");

/// <summary>An open file. One thread at a time.</summary>
internal interface IStorageFile : IDisposable
{
    long Length { get; }

    /// <summary>
    /// Reads from <paramref name="offset"/> until the buffer is full or the file ends; how much was read.
    /// </summary>
    int Read(Span<byte> buffer, long offset);

    void Write(ReadOnlySpan<byte> bytes, long offset);

    /// <summary>
    /// Returns once everything written is on stable storage. After an exception nothing is known of any of it.
    /// </summary>
    void Flush();
}
