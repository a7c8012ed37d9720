using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KvStore.Node.Storage;

/// <summary>The machine's files.</summary>
internal sealed class PhysicalFileSystem : IFileSystem
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const int WindowsSharingViolation = unchecked((int)0x80070020);
    private const int LinuxWouldBlock = 11;
    private const int BsdWouldBlock = 35;

    public void CreateDirectory(string path)
    {
        if (Directory.Exists(path))
            return;
        var above = Path.GetDirectoryName(path);
        if (above is not null)
            CreateDirectory(above);
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(path);
        else
            Directory.CreateDirectory(path, OwnerOnly | UnixFileMode.UserExecute);
        if (above is not null)
            FlushDirectory(above);    // or a power failure may take it away, flushed files and all
    }

    public IDisposable? TryLock(string path)
    {
        try
        {
            return Open(path, FileMode.OpenOrCreate, FileShare.None);
        }
        catch (IOException failure) when (IsHeldByAnother(failure))
        {
            return null;
        }
    }

    public IReadOnlyList<string> Files(string directory)
    {
        var files = Directory.GetFiles(directory);
        Array.Sort(files, StringComparer.Ordinal);
        return files;
    }

    public bool Exists(string path) => File.Exists(path);

    public IStorageFile Create(string path) => new PhysicalFile(path, FileMode.Create);

    public IStorageFile Open(string path) => new PhysicalFile(path, FileMode.Open);

    public void Move(string from, string to) => File.Move(from, to, overwrite: true);

    public void Delete(string path) => File.Delete(path);

    public DiskSpace SpaceOf(string directory)
    {
        var drive = new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(directory)! : directory);
        return new DiskSpace(drive.AvailableFreeSpace, drive.TotalSize, drive.DriveType, drive.DriveFormat);
    }

    public void FlushDirectory(string path)
    {
        if (!OperatingSystem.IsWindows())    // where renames are journaled and folders cannot be flushed
            UnixCalls.FlushDirectory(path);
    }

    private static FileStream Open(string path, FileMode mode, FileShare share)
    {
        var options = new FileStreamOptions
        {
            Mode = mode,
            Access = FileAccess.ReadWrite,
            Share = share,
            BufferSize = 0,
        };
        if (mode != FileMode.Open && !OperatingSystem.IsWindows())
            options.UnixCreateMode = OwnerOnly;
        return new FileStream(path, options);
    }

    private static bool IsHeldByAnother(IOException failure) => OperatingSystem.IsWindows()
        ? failure.HResult == WindowsSharingViolation
        : failure.HResult == (OperatingSystem.IsLinux() ? LinuxWouldBlock : BsdWouldBlock);

    private sealed class PhysicalFile(string path, FileMode mode) : IStorageFile
    {
        private readonly FileStream _stream = PhysicalFileSystem.Open(
            path, mode, FileShare.ReadWrite | FileShare.Delete);    // else Windows renames no open file

        public long Length => RandomAccess.GetLength(_stream.SafeFileHandle);

        public int Read(Span<byte> buffer, long offset)
        {
            var done = 0;
            while (done < buffer.Length)
            {
                var read = RandomAccess.Read(_stream.SafeFileHandle, buffer[done..], offset + done);
                if (read == 0)
                    break;
                done += read;
            }

            return done;
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset) =>
            RandomAccess.Write(_stream.SafeFileHandle, bytes, offset);

        public void Flush()
        {
            if (OperatingSystem.IsLinux())
                UnixCalls.FlushData(_stream.SafeFileHandle, path);
            else
                RandomAccess.FlushToDisk(_stream.SafeFileHandle);
        }

        public void Dispose() => _stream.Dispose();
    }
}

/// <summary>
/// Calls that .NET does not offer: flushing a folder, flushing data without the time of change, standing still.
/// </summary>
internal static class UnixCalls
{
    private const int ReadOnly = 0;
    private const int LinuxStop = 19;
    private const int BsdStop = 17;

    public static void FlushData(SafeFileHandle file, string path)
    {
        if (DataSync(file) != 0)
            throw Failed("fdatasync", path);
    }

    public static void FlushDirectory(string path)
    {
        using var folder = OpenFile(path, ReadOnly);
        if (folder.IsInvalid)
            throw Failed("open", path);
        if (Sync(folder) != 0)
            throw Failed("fsync", path);
    }

    /// <summary>Stops all threads, this one here and not a little later; returns when they are continued.</summary>
    public static void StopProcess()
    {
        if (Raise(OperatingSystem.IsLinux() ? LinuxStop : BsdStop) != 0)
            throw Failed("raise", "SIGSTOP");
    }

    private static IOException Failed(string call, string what)
    {
        var error = Marshal.GetLastPInvokeError();
        return new IOException($"{call} of {what} failed: {Marshal.GetPInvokeErrorMessage(error)} ({error}).", error);
    }

    [DllImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int DataSync(SafeFileHandle file);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Sync(SafeFileHandle file);

    [DllImport("libc", EntryPoint = "raise", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Raise(int signal);

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern SafeFileHandle OpenFile([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);
}
