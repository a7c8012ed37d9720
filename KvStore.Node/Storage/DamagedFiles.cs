namespace KvStore.Node.Storage;

/// <summary>
/// Moves the files of a damaged disk out of the way, so that nothing of them is replayed, voted with or lost. May be
/// begun again after a crash at any point: what it is to come to is in the <see cref="RejoinDocument"/>, and the new
/// identity is written last.
/// </summary>
internal static class DamagedFiles
{
    /// <summary>Whether everything has been moved and the folders belong to the new disk.</summary>
    public static bool AreAside(IFileSystem files, IEnumerable<string> folders, RejoinDocument rejoin) =>
        folders.All(folder => IsNew(files, DataDirectory.IdentityPath(folder), rejoin));

    /// <param name="files">Where.</param>
    /// <param name="folders">The node's folders, that of the log last.</param>
    /// <param name="rejoin">What is to come of them.</param>
    public static void SetAside(IFileSystem files, IReadOnlyList<string> folders, RejoinDocument rejoin)
    {
        foreach (var folder in folders)
            SetAside(files, folder, rejoin);
        foreach (var folder in folders)
            CheckedDocument.Save(files, DataDirectory.IdentityPath(folder), rejoin.Identity);
    }

    private static void SetAside(IFileSystem files, string folder, RejoinDocument rejoin)
    {
        var aside = Path.Combine(folder, rejoin.Folder);
        files.CreateDirectory(aside);
        foreach (var file in files.Files(folder))
        {
            if (!Stays(files, file, rejoin))
                files.Move(file, Path.Combine(aside, Path.GetFileName(file)));
        }

        files.FlushDirectory(aside);    // first: a file is rather in both folders than in none
        files.FlushDirectory(folder);
    }

    private static bool Stays(IFileSystem files, string file, RejoinDocument rejoin) => Path.GetFileName(file) switch
    {
        DataDirectory.LockName or DataDirectory.RejoinName => true,
        DataDirectory.IdentityName => IsNew(files, file, rejoin),
        _ => false,
    };

    private static bool IsNew(IFileSystem files, string identity, RejoinDocument rejoin) =>
        CheckedDocument.Load(files, identity).AsSpan().SequenceEqual(rejoin.Identity);
}
