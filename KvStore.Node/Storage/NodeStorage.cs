using KvStore.Core.Membership;
using KvStore.Node.Membership;
using KvStore.Node.Options;
using KvStore.Node.Telemetry;
using KvStore.ServiceDefaults;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Storage;

/// <summary>The node's own storage: opened when first needed, which is before anything listens.</summary>
internal sealed class NodeStorage : IDisposable
{
    /// <summary>
    /// With fewer, the copies that are left are no majority: they cannot take another in this one's place.
    /// </summary>
    private const int FewestCopies = 3;

    private const string LeftAsItIs = "It was left as it is. Only if a majority of the other copies is whole, empty "
        + "both directories: the cluster then takes the node in as another member. Otherwise keep them: they may hold "
        + "the last copy. Never put an older copy in their place.";

    private readonly Lock _condemning = new();
    private readonly IOptions<NodeOptions> _node;
    private readonly IOptions<StorageOptions> _options;
    private readonly IFileSystem _files;
    private readonly TimeProvider _time;
    private readonly ILogger<NodeStorage> _logger;
    private string? _condemned;

    /// <exception cref="StartupException">The directory cannot be used or is damaged; says why and what to
    /// do.</exception>
    public NodeStorage(
        IOptions<NodeOptions> node,
        IOptions<StorageOptions> options,
        IFileSystem files,
        TimeProvider time,
        ILogger<NodeStorage> logger)
    {
        (_node, _options, _files, _time, _logger) = (node, options, files, time, logger);
        try
        {
            (Directory, View, Log) = Open(mayGiveUp: true);
        }
        catch (DataDamagedException damage)
        {
            throw new StartupException($"{damage.Message} {LeftAsItIs}", damage);
        }
        catch (Exception failure) when (failure is DataDirectoryException or IOException or UnauthorizedAccessException)
        {
            throw new StartupException(failure.Message, failure);
        }
    }

    public DataDirectory Directory { get; }

    public LogStorage Log { get; }

    /// <summary>The cluster that this disk belonged to when it was opened; null: to none yet.</summary>
    public ClusterView? View { get; }

    /// <summary>Nobody may go on with what this disk holds, now or after a restart.</summary>
    /// <returns>What to say while ending.</returns>
    public string Condemn(string why)
    {
        lock (_condemning)
            return _condemned ??= WriteDown(why);    // several may come to it at once; one reason is enough
    }

    private string WriteDown(string why)
    {
        try
        {
            Log.Condemn(why);
            return $"{why} What it holds counts as damaged from now on: at its next start it is set aside and the "
                + "others refill it, unless KVSTORE_ON_DAMAGE forbids it or too few copies are kept.";
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return $"{why} But this could not be written down ({failure.Message}): empty its directories by hand.";
        }
    }

    public void Dispose()
    {
        try
        {
            Log.Dispose();
        }
        catch (TimeoutException hung)
        {
            throw new StartupException(hung.Message, hung);    // the line with which the process ends
        }

        Directory.Dispose();
    }

    /// <summary>
    /// A damaged disk is a lost disk: nothing is cut out of it and nobody votes with it. If others can replace it, the
    /// node gives it up and begins on a new one.
    /// </summary>
    private (DataDirectory Directory, ClusterView? View, LogStorage Log) Open(bool mayGiveUp)
    {
        var directory = DataDirectory.Open(
            _node.Value.WalDirectory, _node.Value.SnapshotDirectory, _node.Value.Name, _files);
        ClusterView? view = null;
        try
        {
            view = ViewOf(directory);
            directory.CheckNotCondemned();
            foreach (var folder in directory.Folders)
            {
                foreach (var doubt in MountTest.Try(folder, _files))
                    _logger.MountDoubted(doubt);
            }

            return (directory, view, LogStorage.Open(directory, _options.Value, _files, _time));
        }
        catch (DataDamagedException damage)
        {
            using (directory)
            {
                // whoever does not know where it belongs must not go anywhere by itself
                if (!mayGiveUp || !_node.Value.RejoinsOnDamage || view is null || !CanSpareOne(view))
                    throw;
                directory.GiveUp(_node.Value.Name, view.ClusterId);
            }

            var next = Open(mayGiveUp: false);
            _logger.DataSetAside(
                damage.Message,
                next.Directory.Wal,
                next.Directory.Snapshots,
                next.Directory.Rejoin!.Folder,
                next.Directory.Incarnation);
            return next;
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    private static bool CanSpareOne(ClusterView view) =>
        Math.Min(view.Members.Length, view.Ring.ReplicationFactor) >= FewestCopies;

    private static ClusterView? ViewOf(DataDirectory directory)
    {
        try
        {
            return directory.LoadClusterDocument() is { } document ? ClusterDocument.Decode(document) : null;
        }
        catch (InvalidDataException wrong)
        {
            throw new OtherFormatException(directory.ClusterPath, wrong.Message, wrong);
        }
    }
}
