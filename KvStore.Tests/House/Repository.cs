using System.Xml.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvStore.Tests.House;

/// <summary>A source file, read and parsed. The path is relative to the root, with slashes.</summary>
internal sealed record SourceFile(string Path, string[] Lines, CompilationUnitSyntax Root)
{
    public string Project => Path[..Path.IndexOf('/', StringComparison.Ordinal)];

    public string At(SyntaxNodeOrToken node) =>
        $"{Path}:{Root.SyntaxTree.GetLineSpan(node.Span).StartLinePosition.Line + 1}";
}

/// <summary>A project file and what it asks for.</summary>
internal sealed record ProjectFile(string Name, XDocument Xml)
{
    public string[] ProjectReferences =>
        [.. Includes("ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path.Replace('\\', '/')))];

    public string[] PackageReferences => [.. Includes("PackageReference")];

    private IEnumerable<string> Includes(string item) =>
        Xml.Descendants(item).Select(element => element.Attribute("Include")?.Value).OfType<string>();
}

/// <summary>The repository these tests were built in, found by walking up from their assembly.</summary>
internal static class Repository
{
    private static readonly Lazy<SourceFile[]> AllSources = new(() => [.. FindFiles("*.cs").Select(Parse)]);

    public static string Root { get; } = FindRoot();

    /// <summary>Every C# file of every project, tests included; not what builds leave behind.</summary>
    public static IReadOnlyList<SourceFile> Sources => AllSources.Value;

    public static IReadOnlyList<ProjectFile> Projects { get; } =
        [.. FindFiles("*.csproj").Select(path => new ProjectFile(
            Path.GetFileNameWithoutExtension(path), XDocument.Load(Path.Combine(Root, path))))];

    /// <summary>Files of the projects' folders, relative to the root, with slashes, in order.</summary>
    public static IEnumerable<string> FindFiles(string pattern) =>
        Directory.EnumerateDirectories(Root, "KvStore.*")
            .SelectMany(project => Directory.EnumerateFiles(project, pattern, SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(Root, file).Replace('\\', '/'))
            .Where(file => !file.Contains("/bin/", StringComparison.Ordinal))
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    /// <summary>Fails with every offence named, not with the first.</summary>
    public static void AssertNone(IEnumerable<string> offences, string rule)
    {
        var found = offences.ToList();
        Assert.True(found.Count == 0, $"{rule}{Environment.NewLine}{string.Join(Environment.NewLine, found)}");
    }

    private static SourceFile Parse(string path)
    {
        var text = Read(path);
        var tree = CSharpSyntaxTree.ParseText(text, new CSharpParseOptions(LanguageVersion.Preview), path);
        return new SourceFile(path, text.Split('\n'), tree.GetCompilationUnitRoot());
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "KvStore.sln")))
                return folder.FullName;
        }

        throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} holds KvStore.sln.");
    }
}
