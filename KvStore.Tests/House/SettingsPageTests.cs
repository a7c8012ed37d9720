using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace KvStore.Tests.House;

/// <summary>Who runs the programs finds every variable that they read on one page.</summary>
public sealed partial class SettingsPageTests
{
    private const string Page = "docs/operating.md";

    [Fact]
    public void Every_variable_that_is_read_is_described()
    {
        var page = Repository.Read(Page);
        Repository.AssertNone(
            from file in Repository.Sources
            where file.Project != "KvStore.Tests"
            from token in file.Root.DescendantTokens()
            where token.IsKind(SyntaxKind.StringLiteralToken) && Variable().IsMatch(token.ValueText)
            let name = token.ValueText.Replace(":", "__", StringComparison.Ordinal)
            where !page.Contains($"`{name}`", StringComparison.Ordinal)
            select $"{file.Path}: {name}",
            $"Variables are described in {Page}.");
    }

    [GeneratedRegex(@"\A(KVSTORE_[A-Z_]+|KvStore(:|__)(Allow|Loses)[A-Za-z]+|NODE_NAME|PORT|LB_PORT|HTTP_PORTS|"
        + @"CURRENT_NODE_URL|CLUSTER_NODES|DATABASE_NODES|REPLICATION_FACTOR|NO_COLOR|OTEL_EXPORTER_OTLP_ENDPOINT)\z")]
    private static partial Regex Variable();
}
