using System.Security.Cryptography;
using System.Text;
using KvStore.Tests.House;

namespace KvStore.Tests.Deploy;

/// <summary>
/// The chart, and what Helm makes of it with the values that it comes with: a file beside this one, so that it can be
/// read where there is no Helm. Its first line tells of which chart it is.
/// </summary>
internal static class Chart
{
    public const string Folder = "deploy/helm/kvstore";
    public const string Rendering = "KvStore.Tests/Deploy/chart.yaml";

    public static IReadOnlyDictionary<object, object> Values { get; } =
        Yaml.Parse(Repository.Read($"{Folder}/values.yaml"));

    public static string[] Files { get; } =
        [.. Directory.EnumerateFiles(Path.Combine(Repository.Root, Folder), "*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/'))
            .Order(StringComparer.Ordinal)];

    public static string FirstLine => $"# Of {Folder}, {Fingerprint()}";

    public static IReadOnlyList<IReadOnlyDictionary<object, object>> Manifests() =>
        Yaml.ParseAll(Repository.Read(Rendering));

    public static IReadOnlyDictionary<object, object> Manifest(string kind, string name) =>
        Manifests().Single(manifest => manifest.Text("kind") == kind && manifest.Text("metadata", "name") == name);

    private static string Fingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in Files)
            hash.AppendData(Encoding.UTF8.GetBytes($"{file}\n{Repository.Read(file).ReplaceLineEndings("\n")}"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
