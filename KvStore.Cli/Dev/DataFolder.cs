using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using KvStore.Topology;

namespace KvStore.Cli.Dev;

/// <summary>
/// The directory of a cluster. A file in it keeps a second launcher out, and remembers whether <c>kv dev</c> made the
/// directory: only then is anything in it ever removed, and of that only what belongs to nodes and balancer.
/// </summary>
internal sealed partial class DataFolder : IDisposable
{
    private const string MarkerName = "kv-dev.json";
    private readonly FileStream _marker;

    private DataFolder(FileStream marker) => _marker = marker;

    /// <exception cref="FailureException">It cannot be used, or not be removed.</exception>
    public static DataFolder Open(ClusterTopology topology, bool isFresh)
    {
        var path = topology.DataDirectory;
        try
        {
            var isNew = !Directory.Exists(path) || !Directory.EnumerateFileSystemEntries(path).Any();
            var markerPath = Path.Combine(path, MarkerName);
            if (isFresh && !isNew && !File.Exists(markerPath))
                throw new FailureException(NotOurs(path));
            Directory.CreateDirectory(path);
            var folder = new DataFolder(Take(markerPath));
            try
            {
                folder.Prepare(topology, isNew, isFresh);
                return folder;
            }
            catch
            {
                folder.Dispose();
                throw;
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"{path} cannot be used: {failure.Message}", inner: failure);
        }
    }

    public void Dispose() => _marker.Dispose();

    private static FileStream Take(string markerPath)
    {
        try
        {
            return new FileStream(markerPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException held) when (File.Exists(markerPath))
        {
            throw new FailureException(
                $"{Path.GetDirectoryName(markerPath)} is in use by another kv dev; choose another with --data.",
                inner: held);
        }
    }

    private void Prepare(ClusterTopology topology, bool isNew, bool isFresh)
    {
        var path = topology.DataDirectory;
        var marker = isNew ? new Marker(IsOurs: true, null) : Read() ?? new Marker(IsOurs: false, null);
        if (isFresh)
        {
            if (!marker.IsOurs)
                throw new FailureException(NotOurs(path));
            RemoveData(path);
        }
        else if (marker.Nodes is { } nodes && nodes != topology.Nodes.Length)
        {
            throw new FailureException(
                $"{path} holds a cluster of {nodes} nodes: start it with --nodes {nodes}, or a new one with --fresh.");
        }

        _marker.SetLength(0);
        JsonSerializer.Serialize(_marker, marker with { Nodes = topology.Nodes.Length }, MarkerJson.Default.Marker);
        _marker.Flush();
    }

    private Marker? Read()
    {
        try
        {
            return _marker.Length == 0 ? null : JsonSerializer.Deserialize(_marker, MarkerJson.Default.Marker);
        }
        catch (JsonException)
        {
            return null;    // then it is not ours
        }
    }

    private static void RemoveData(string path)
    {
        var folders = Directory.EnumerateDirectories(path)
            .Where(folder => Ours().IsMatch(Path.GetFileName(folder)))
            .ToList();
        foreach (var held in folders.SelectMany(LocksIn))
            RefuseIfHeld(held);
        foreach (var folder in folders)
            Directory.Delete(folder, recursive: true);
    }

    private static IEnumerable<string> LocksIn(string folder) => Directory.EnumerateDirectories(folder)
        .Select(inner => Path.Combine(inner, "lock"))
        .Where(File.Exists);

    /// <summary>A node that was started by hand, or still ends after its launcher was killed.</summary>
    private static void RefuseIfHeld(string lockFile)
    {
        try
        {
            using var free = new FileStream(lockFile, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException held)
        {
            throw new FailureException(
                $"{Path.GetDirectoryName(lockFile)} is in use by a node, so it is not removed.", inner: held);
        }
    }

    private static string NotOurs(string path) =>
        $"{path} was not made by kv dev, so --fresh removes nothing in it; choose another directory with --data.";

    [GeneratedRegex("^(node[0-9]+|balancer)$")]
    private static partial Regex Ours();
}

/// <summary>What the file says.</summary>
/// <param name="IsOurs">Whether <c>kv dev</c> made the directory, or found it empty.</param>
/// <param name="Nodes">Of the cluster that is in it.</param>
internal sealed record Marker(bool IsOurs, int? Nodes);

/// <summary>How it is written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Marker))]
internal sealed partial class MarkerJson : JsonSerializerContext;
