using KvStore.Node.Options;
using KvStore.ServiceDefaults;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Storage;

/// <summary>The node's own storage: opened when first needed, which is before anything listens.</summary>
internal sealed class NodeStorage : IDisposable
{
    /// <exception cref="StartupException">
    /// The directory cannot be used or is damaged; says why and what to do.
    /// </exception>
    public NodeStorage(IOptions<NodeOptions> node, IOptions<StorageOptions> options, TimeProvider time)
    {
        var files = new PhysicalFileSystem();
        try
        {
            var (wal, snapshots) = (node.Value.WalDirectory, node.Value.SnapshotDirectory);
            Directory = DataDirectory.Open(wal, snapshots, node.Value.Name, files);
            Log = LogStorage.Open(Directory, options.Value, files, time);
        }
        catch (Exception failure) when (failure is DataDirectoryException or DataDamagedException
            or IOException or UnauthorizedAccessException)
        {
            Directory?.Dispose();
            throw new StartupException(failure.Message, failure);
        }
    }

    public DataDirectory Directory { get; }

    public LogStorage Log { get; }

    public void Dispose()
    {
        Log.Dispose();
        Directory.Dispose();
    }
}
