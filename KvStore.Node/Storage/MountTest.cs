using System.Security.Cryptography;

namespace KvStore.Node.Storage;

/// <summary>
/// Tries on a node's folders, before it relies on them, what its promises rest on: that files can be written, flushed
/// and renamed over others, that the folder can be flushed, and that a lock keeps a second opener out. A mount that
/// cannot do that is refused at the start, and not found out at the first crash.
/// </summary>
internal static class MountTest
{
    private const int Bytes = 4096;

    /// <summary>Tries one folder, whose lock this process holds.</summary>
    /// <returns>What to warn of, in sentences; empty for a mount that is known for nothing bad.</returns>
    /// <exception cref="DataDirectoryException">It cannot do what is needed; says what.</exception>
    public static IReadOnlyList<string> Try(string folder, IFileSystem files)
    {
        var step = "telling how much room it has";
        try
        {
            var space = files.SpaceOf(folder);
            step = "keeping a second opener out of a locked file";
            TryLock(folder, files);
            step = "writing, flushing and renaming a file";
            TryFile(folder, files);
            step = "flushing the folder";
            files.FlushDirectory(folder);
            return [.. Doubts(folder, space)];
        }
        catch (Exception full) when (DiskFull.Is(full))
        {
            return [$"{folder} has no room to try what it can do: {full.Message}"];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new DataDirectoryException(
                $"{folder} cannot hold a node's data: {step} failed: {failure.Message.TrimEnd('.')}. Use a local or "
                + "managed disk.",
                failure);
        }
    }

    private static void TryLock(string folder, IFileSystem files)
    {
        using var second = files.TryLock(Path.Combine(folder, DataDirectory.LockName));
        if (second is not null)
            throw new IOException("it was opened twice, so that two processes could write to the same data");
    }

    private static void TryFile(string folder, IFileSystem files)
    {
        var (one, other) = (PathOf(folder, "mount-test-1"), PathOf(folder, "mount-test-2"));
        var written = RandomNumberGenerator.GetBytes(Bytes);
        Write(files, one, new byte[Bytes]);
        Write(files, other, written);
        files.Move(other, one);
        var read = new byte[Bytes];
        using (var file = files.Open(one))
        {
            if (file.Read(read, 0) != Bytes || !read.AsSpan().SequenceEqual(written))
                throw new IOException("other bytes were read than were written");
        }

        files.Delete(one);
    }

    /// <summary>What a crash leaves of it, the next start deletes.</summary>
    private static string PathOf(string folder, string name) => Path.Combine(folder, name + DataDirectory.AsideSuffix);

    private static void Write(IFileSystem files, string path, byte[] bytes)
    {
        using var file = files.Create(path);
        file.Write(bytes, 0);
        file.Flush();
    }

    private static IEnumerable<string> Doubts(string folder, DiskSpace space)
    {
        switch (space.Kind)
        {
            case DriveType.Network:
                yield return $"{folder} is on a network share ({space.Format}): whether it keeps what it says it has "
                    + "flushed, and keeps other machines out of what is locked, nobody here can tell";
                break;
            case DriveType.Ram:
                yield return $"{folder} is in memory ({space.Format}): all of it is gone when this machine restarts";
                break;
            default:
                if (space.Format.StartsWith("overlay", StringComparison.Ordinal))
                {
                    yield return $"{folder} is on a container's own disk ({space.Format}): all of it is gone with the "
                        + "container. Mount a volume there";
                }

                break;
        }
    }
}
