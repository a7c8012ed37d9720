using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvStore.Tests.House;

public sealed partial class MannerTests
{
    [Fact]
    public void Nothing_is_folded_away() =>
        Repository.AssertNone(
            from file in Repository.Sources
            from trivia in file.Root.DescendantTrivia()
            where trivia.IsKind(SyntaxKind.RegionDirectiveTrivia)
            select $"{file.Path}:{LineOf(trivia)}",
            "Regions are not used.");

    [Fact]
    public void Nothing_is_left_for_later() =>
        Repository.AssertNone(
            from file in Repository.Sources
            from trivia in file.Root.DescendantTrivia(descendIntoTrivia: true)
            where IsComment(trivia) && Promise().IsMatch(trivia.ToFullString())
            select $"{file.Path}:{LineOf(trivia)}",
            "Comments promise nothing.");

    [Fact]
    public void Imports_are_in_order() =>
        Repository.AssertNone(
            from file in Repository.Sources
            let imports = file.Root.Usings
            where !imports.SequenceEqual(imports.OrderBy(RankOf).ThenBy(NameOf, StringComparer.OrdinalIgnoreCase))
            select file.Path,
            "Imports: System first, then the others by name, then static ones, then other names for types.");

    [Fact]
    public void No_failure_is_lost_in_an_async_void() =>
        Repository.AssertNone(
            from file in Repository.Sources
            from method in file.Root.DescendantNodes().OfType<MethodDeclarationSyntax>()
            where method.Modifiers.Any(SyntaxKind.AsyncKeyword)
            where method.ReturnType is PredefinedTypeSyntax type && type.Keyword.IsKind(SyntaxKind.VoidKeyword)
            select $"{file.At(method)}: {method.Identifier.Text}",
            "No method is async void.");

    /// <summary>By itself a handler makes a span of each call, and tells of it even if nobody keeps it.</summary>
    [Fact]
    public void Of_a_trace_only_our_own_spans_tell_another_program() =>
        Repository.AssertNone(
            from file in Repository.Sources
            where file.Project is "KvStore.Node" or "KvStore.Balancer"
            let names = file.Root.DescendantNodes().OfType<IdentifierNameSyntax>()
            let words = names.Select(name => name.Identifier.Text).ToLookup(word => word)
            let silenced = file.Root.DescendantNodes().OfType<AssignmentExpressionSyntax>()
                .Count(each => each.ToString() == $"{nameof(SocketsHttpHandler.ActivityHeadersPropagator)} = null")
            where words[nameof(SocketsHttpHandler)].Count() != silenced || words.Contains(nameof(HttpClientHandler))
            select file.Path,
            "A SocketsHttpHandler of a node or balancer has no ActivityHeadersPropagator.");

    [Fact]
    public void Every_file_has_a_namespace_for_itself() =>
        Repository.AssertNone(
            from file in Repository.Sources
            from space in file.Root.DescendantNodes().OfType<BaseNamespaceDeclarationSyntax>()
            where space is not FileScopedNamespaceDeclarationSyntax || space.Name.ToString() != NamespaceOf(file.Path)
            where !ForBuilders.Any(each => file.Path.EndsWith(each.File, StringComparison.Ordinal)
                && space.Name.ToString() == each.Namespace)
            select $"{file.Path}: {space.Name}",
            "Namespaces are file-scoped and follow the folders.");

    /// <summary>Where everybody who has a builder finds them, by the custom of .NET.</summary>
    private static int RankOf(UsingDirectiveSyntax import) =>
        import.Alias is not null ? 3
        : import.StaticKeyword.IsKind(SyntaxKind.StaticKeyword) ? 2
        : NameOf(import) is "System" || NameOf(import).StartsWith("System.", StringComparison.Ordinal) ? 0
        : 1;

    private static string NameOf(UsingDirectiveSyntax import) =>
        import.Alias?.Name.ToString() ?? import.NamespaceOrType.ToString();

    private static readonly (string File, string Namespace)[] ForBuilders =
    [
        ("HostingExtensions.cs", "Microsoft.Extensions.Hosting"),
        ("ConfigurationExtensions.cs", "Microsoft.Extensions.Configuration"),
        ("DataProtectionExtensions.cs", "Microsoft.AspNetCore.DataProtection"),
    ];

    private static string NamespaceOf(string path) => Path.GetDirectoryName(path)!.Replace('\\', '/').Replace('/', '.');

    private static bool IsComment(SyntaxTrivia trivia) =>
        trivia.IsKind(SyntaxKind.SingleLineCommentTrivia)
        || trivia.IsKind(SyntaxKind.MultiLineCommentTrivia)
        || trivia.IsKind(SyntaxKind.SingleLineDocumentationCommentTrivia);

    private static int LineOf(SyntaxTrivia trivia) => trivia.GetLocation().GetLineSpan().StartLinePosition.Line + 1;

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX)\b")]
    private static partial Regex Promise();
}
