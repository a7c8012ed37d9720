using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvStore.Tests.House;

/// <summary>Who may know whom: projects, the folders of a node; and what the core must not touch.</summary>
public sealed class ImportTests
{
    private static readonly Dictionary<string, string[]> Law = new()
    {
        ["KvStore.Contracts"] = [],
        ["KvStore.Core"] = [],
        ["KvStore.Topology"] = [],
        ["KvStore.ServiceDefaults"] = [],
        ["KvStore.Verification"] = [],
        ["KvStore.OpenApi"] = ["KvStore.Contracts"],
        ["KvStore.Node"] = ["KvStore.Core", "KvStore.Contracts", "KvStore.OpenApi", "KvStore.ServiceDefaults"],
        ["KvStore.Balancer"] = ["KvStore.Core", "KvStore.Contracts", "KvStore.OpenApi", "KvStore.ServiceDefaults"],
        ["KvStore.Client"] = ["KvStore.Contracts", "KvStore.Core"],
        ["KvStore.Client.DataProtection"] = ["KvStore.Client", "KvStore.Contracts"],
        ["KvStore.Client.OutputCaching"] = ["KvStore.Client", "KvStore.Contracts"],
        ["KvStore.Cli"] =
            [
                "KvStore.Client", "KvStore.Contracts", "KvStore.Topology", "KvStore.Node", "KvStore.Balancer",
                "KvStore.Verification",
            ],
        ["KvStore.AppHost"] = ["KvStore.Node", "KvStore.Balancer", "KvStore.Topology"],
    };

    /// <summary>What no decision may depend on: clocks, threads, files, sockets, the machine.</summary>
    private static readonly HashSet<string> NotInTheCore =
    [
        "Task", "ValueTask", "Thread", "ThreadPool", "Timer", "TimeProvider", "Stopwatch", "DateTime", "DateTimeOffset",
        "File", "FileStream", "Directory", "RandomAccess", "Stream", "Socket", "HttpClient", "ILogger", "Console",
        "Environment", "Process", "Guid", "RandomNumberGenerator",
    ];

    [Fact]
    public void Projects_import_what_the_law_allows() =>
        Repository.AssertNone(
            from project in Repository.Projects
            where !project.Name.EndsWith("Tests", StringComparison.Ordinal)
            from reference in project.ProjectReferences
            where !Law.TryGetValue(project.Name, out var allowed) || !allowed.Contains(reference)
            select $"{project.Name} imports {reference}",
            "The law of imports.");

    [Fact]
    public void Every_project_is_under_the_law() =>
        Repository.AssertNone(
            from project in Repository.Projects
            where !project.Name.EndsWith("Tests", StringComparison.Ordinal) && !Law.ContainsKey(project.Name)
            select project.Name,
            "A new project states here whom it imports.");

    [Fact]
    public void The_core_has_one_package_and_the_contracts_none()
    {
        Assert.Equal(["System.IO.Hashing"], Project("KvStore.Core").PackageReferences);
        Assert.Empty(Project("KvStore.Contracts").PackageReferences);
        Assert.Empty(Project("KvStore.Topology").PackageReferences);
        Assert.Empty(Project("KvStore.Core").Xml.Descendants("FrameworkReference"));
        Assert.Empty(Project("KvStore.Contracts").Xml.Descendants("FrameworkReference"));
    }

    [Fact]
    public void The_core_touches_no_clock_thread_file_or_socket() =>
        Repository.AssertNone(
            from file in Repository.Sources
            where file.Project == "KvStore.Core"
            from token in file.Root.DescendantTokens()
            where token.IsKind(SyntaxKind.AsyncKeyword) || (IsName(token) && NotInTheCore.Contains(token.Text))
            select $"{file.At(token)}: {token.Text}",
            "The core is a function of state and input.");

    [Theory]
    [InlineData("KvStore.Node/Storage/", "KvStore.Node.Replication")]
    [InlineData("KvStore.Node/Storage/", "KvStore.Node.Api")]
    [InlineData("KvStore.Node/Replication/", "KvStore.Node.Api")]
    [InlineData("KvStore.Node/Replication/", "KvStore.Node.Buckets")]
    [InlineData("KvStore.Node/Storage/", "KvStore.Node.Buckets")]
    [InlineData("KvStore.Node/Buckets/", "KvStore.Node.Api")]
    [InlineData("KvStore.Node/Buckets/", "KvStore.Node.Watch")]
    [InlineData("KvStore.Node/Replication/", "KvStore.Node.Watch")]
    [InlineData("KvStore.Node/Storage/", "KvStore.Node.Watch")]
    [InlineData("KvStore.Node/Watch/", "KvStore.Node.Api")]
    [InlineData("KvStore.Node/Watch/", "KvStore.Node.Buckets")]
    [InlineData("KvStore.Node/Storage/", "KvStore.Node.Transactions")]
    [InlineData("KvStore.Node/Replication/", "KvStore.Node.Transactions")]
    [InlineData("KvStore.Node/Transactions/", "KvStore.Node.Api")]
    public void Inside_a_node_nobody_looks_back(string folder, string space) =>
        Repository.AssertNone(
            from file in Repository.Sources
            where file.Path.StartsWith(folder, StringComparison.Ordinal)
            from import in file.Root.DescendantNodes().OfType<UsingDirectiveSyntax>()
            where import.NamespaceOrType.ToString().StartsWith(space, StringComparison.Ordinal)
            select file.At(import),
            $"{folder} does not know {space}.");

    [Fact]
    public void Only_storage_opens_files() =>
        Repository.AssertNone(
            from file in Repository.Sources
            where file.Project is "KvStore.Node" or "KvStore.Balancer"
            where !file.Path.StartsWith("KvStore.Node/Storage/", StringComparison.Ordinal)
            from name in file.Root.DescendantNodes().OfType<IdentifierNameSyntax>()
            where name.Identifier.Text is "File" or "FileStream" or "RandomAccess" or "FileInfo"
            select $"{file.At(name)}: {name.Identifier.Text}",
            "Files are opened in KvStore.Node/Storage alone.");

    /// <summary>A use of the name, neither a declaration nor a member of something else.</summary>
    private static bool IsName(SyntaxToken token) =>
        token.Parent is SimpleNameSyntax name
        && (name.Parent is not MemberAccessExpressionSyntax access
            || access.Name != name
            || IsNamespace(access.Expression));

    private static bool IsNamespace(ExpressionSyntax before) =>
        before.ToString().Split('.')[0] is "System" or "global::System";

    private static ProjectFile Project(string name) => Repository.Projects.Single(project => project.Name == name);
}
