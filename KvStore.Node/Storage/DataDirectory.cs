using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace KvStore.Node.Storage;

/// <summary>
/// A node's two folders: names of files, the lock that keeps others out, and the identity that tells this disk from any
/// other. Both folders carry the same identity, so that folders of different nodes are not mixed up.
/// </summary>
internal sealed class DataDirectory : IDisposable
{
    /// <summary>Ends the name of a file that is not whole yet.</summary>
    public const string AsideSuffix = ".tmp";

    public const string LockName = "lock";
    public const string IdentityName = "identity";
    public const string RejoinName = "rejoin";
    public const string CondemnedName = "condemned";

    private const int FormatVersion = 1;
    private const int IdentityHeaderSize = 12;
    private readonly List<IDisposable> _locks = [];
    private readonly IFileSystem _files;
    private bool _isNew;

    private DataDirectory(string wal, string snapshots, IFileSystem files)
    {
        Wal = wal;
        Snapshots = snapshots;
        _files = files;
    }

    /// <summary>The folder of the write-ahead log.</summary>
    public string Wal { get; }

    /// <summary>The folder of the snapshots.</summary>
    public string Snapshots { get; }

    /// <summary>Both, or the one that is for both.</summary>
    public IReadOnlyList<string> Folders => Snapshots == Wal ? [Wal] : [Snapshots, Wal];

    /// <summary>Names this disk: drawn at random when its log was made, never changed.</summary>
    public ulong Incarnation { get; private set; }

    /// <summary>
    /// Set when the data of an earlier disk was damaged: the node belongs to that cluster or to none.
    /// </summary>
    public RejoinDocument? Rejoin { get; private set; }

    /// <summary>Where the node's cluster is remembered.</summary>
    public string ClusterPath => Path.Combine(Wal, "cluster");

    private string CondemnedPath => Path.Combine(Wal, CondemnedName);

    private string RejoinPath => Path.Combine(Wal, RejoinName);

    /// <summary>Opens or makes a node's folders and keeps everybody else out until disposed.</summary>
    /// <exception cref="DataDirectoryException">Another process has them, or they are not this node's.</exception>
    /// <exception cref="DataDamagedException">The identity cannot be read, and so not be known whose data it
    /// is.</exception>
    public static DataDirectory Open(string wal, string snapshots, string node, IFileSystem files)
    {
        var directory = new DataDirectory(Path.GetFullPath(wal), Path.GetFullPath(snapshots), files);
        try
        {
            directory.Take(directory.Wal);
            if (directory.Snapshots != directory.Wal)
                directory.Take(directory.Snapshots);
            directory.FinishSettingAside();
            directory.Identify(node);
            if (!directory._isNew && !directory.HasData())
                directory.BeginAnew(node);
            return directory;
        }
        catch (Exception failure) when (failure is UnauthorizedAccessException or IOException)
        {
            directory.Dispose();
            throw new DataDirectoryException($"The data directory cannot be used: {failure.Message}", failure);
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>The cluster view as it was stored; null when the node belongs to no cluster yet.</summary>
    public byte[]? LoadClusterDocument() => CheckedDocument.Load(_files, ClusterPath);

    public void SaveClusterDocument(ReadOnlySpan<byte> document) => CheckedDocument.Save(_files, ClusterPath, document);

    /// <summary>
    /// Decides that what is here will not be used any more: the next <see cref="Open"/>, after a crash too, sets it
    /// aside and makes the folders those of a new disk.
    /// </summary>
    public void GiveUp(string node, ulong clusterId) =>
        new RejoinDocument((Rejoin?.Number ?? 0) + 1, clusterId, MakeIdentity(node)).Save(_files, RejoinPath);

    /// <summary>
    /// Says of what is here that nobody may go on with it, though every checksum in it is right: others know better.
    /// </summary>
    public void Condemn(string why) => CheckedDocument.Save(_files, CondemnedPath, Encoding.UTF8.GetBytes(why));

    /// <exception cref="DataDamagedException">What is here was condemned.</exception>
    public void CheckNotCondemned()
    {
        if (CheckedDocument.Load(_files, CondemnedPath) is { } why)
            throw new DataDamagedException($"{CondemnedPath}: {Encoding.UTF8.GetString(why)}");
    }

    public void Dispose()
    {
        foreach (var held in _locks)
            held.Dispose();
        _locks.Clear();
    }

    private void Take(string folder)
    {
        _files.CreateDirectory(folder);
        _locks.Add(_files.TryLock(Path.Combine(folder, LockName)) ?? throw new DataDirectoryException(
            $"{folder} is in use by another process; a node needs a directory of its own."));
        foreach (var leftover in _files.Files(folder).Where(IsAside))
            _files.Delete(leftover);    // never became part of anything
        _files.FlushDirectory(folder);    // what a killed process renamed may be seen here and not be on the disk yet
    }

    private void FinishSettingAside()
    {
        Rejoin = RejoinDocument.Load(_files, RejoinPath);
        if (Rejoin is null || DamagedFiles.AreAside(_files, Folders, Rejoin))
            return;
        DamagedFiles.SetAside(_files, Folders, Rejoin);
        _isNew = true;
    }

    /// <summary>
    /// An identity without a log was never told to anybody, since the log is made before the node speaks; or the log
    /// was deleted, and with it the votes that were given under this identity. The disk gets another one either way.
    /// </summary>
    private void BeginAnew(string node)
    {
        if (Rejoin is not null)
        {
            GiveUp(node, Rejoin.ClusterId);
            FinishSettingAside();
        }
        else
        {
            _files.Delete(IdentityPath(Snapshots));
            _files.FlushDirectory(Snapshots);    // first: a crash must not leave two identities
            CheckedDocument.Save(_files, IdentityPath(Wal), MakeIdentity(node));
        }

        Identify(node);
    }

    private static bool IsAside(string path) => path.EndsWith(AsideSuffix, StringComparison.Ordinal);

    private void Identify(string node)
    {
        var inWal = CheckedDocument.Load(_files, IdentityPath(Wal));
        var inSnapshots = CheckedDocument.Load(_files, IdentityPath(Snapshots));
        if ((inWal is null && inSnapshots is not null) || ((inWal is null || inSnapshots is null) && HasData()))
        {
            throw new DataDirectoryException(
                $"{(inWal is null ? Wal : Snapshots)} has no identity, but {Wal} or {Snapshots} holds data: one of the "
                + "two folders was emptied or replaced. Start the node on the folders that belong together.");
        }

        if (inWal is null)
        {
            CheckedDocument.Save(_files, IdentityPath(Wal), inWal = MakeIdentity(node));    // first: says what is new
            _isNew = true;
        }

        if (inSnapshots is null)
            CheckedDocument.Save(_files, IdentityPath(Snapshots), inSnapshots = inWal);
        if (!inWal.AsSpan().SequenceEqual(inSnapshots))
        {
            throw new DataDirectoryException(
                $"{Wal} and {Snapshots} belong to different nodes or to different disks of one.");
        }

        ReadIdentity(inWal, node);
    }

    private void ReadIdentity(byte[] identity, string node)
    {
        if (identity.Length < IdentityHeaderSize)
            throw new DataDamagedException(IdentityPath(Wal), 0, $"{identity.Length} bytes", "an identity");
        var version = BinaryPrimitives.ReadInt32LittleEndian(identity);
        if (version != FormatVersion)
            throw new OtherFormatException(IdentityPath(Wal), $"format version {version}");
        Incarnation = BinaryPrimitives.ReadUInt64LittleEndian(identity.AsSpan(4));
        var owner = Encoding.UTF8.GetString(identity.AsSpan(IdentityHeaderSize));
        if (owner != node)
            throw new DataDirectoryException($"{Wal} belongs to {owner}; this node is {node}.");
    }

    private static byte[] MakeIdentity(string node)
    {
        var identity = new byte[IdentityHeaderSize + Encoding.UTF8.GetByteCount(node)];
        BinaryPrimitives.WriteInt32LittleEndian(identity, FormatVersion);
        RandomNumberGenerator.Fill(identity.AsSpan(4, sizeof(ulong)));
        Encoding.UTF8.GetBytes(node, identity.AsSpan(IdentityHeaderSize));
        return identity;
    }

    private bool HasData() =>
        _files.Files(Snapshots).Any(file => file.EndsWith(SnapshotStore.Suffix, StringComparison.Ordinal))
        || _files.Exists(ClusterPath)
        || _files.Files(Wal).Any(file => Path.GetFileName(file).StartsWith("wal-", StringComparison.Ordinal));

    /// <summary>Where a folder says whose it is.</summary>
    public static string IdentityPath(string folder) => Path.Combine(folder, IdentityName);
}
