using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvStore.Tests.House;

/// <summary>One word per thing: the words that name nothing here, as far as types, files and folders go.</summary>
public sealed partial class NameTests
{
    private static readonly HashSet<string> Banned = new(StringComparer.OrdinalIgnoreCase)
    {
        "leader", "leaders", "follower", "followers", "master", "masters", "slave", "slaves", "shard", "shards",
        "manager", "managers", "helper", "helpers", "util", "utils", "utility", "utilities", "common",
    };

    [Fact]
    public void No_type_has_a_name_that_says_nothing_or_means_something_else() =>
        Repository.AssertNone(
            from file in Repository.Sources
            from type in file.Root.DescendantNodes().OfType<BaseTypeDeclarationSyntax>()
            from word in Words(type.Identifier.Text)
            where Banned.Contains(word)
            select $"{file.At(type.Identifier)}: {type.Identifier.Text}",
            "These words are not used in the names of types.");

    [Fact]
    public void No_file_or_folder_has_such_a_name() =>
        Repository.AssertNone(
            from path in Repository.FindFiles("*")
            where Words(path).Any(Banned.Contains)
            select path,
            "These words are not used in the names of files and folders.");

    [Fact]
    public void A_file_is_named_for_what_it_holds() =>
        Repository.AssertNone(
            from file in Repository.Sources
            let name = Path.GetFileNameWithoutExtension(file.Path)
            let types = file.Root.DescendantNodes().OfType<BaseTypeDeclarationSyntax>().ToList()
            where types.Count == 1 && !IsNamedFor(name, types[0].Identifier.Text)
            select $"{file.Path}: {types[0].Identifier.Text}",
            "A file with one type has its name: Type.cs, Type.Part.cs, or Types.cs for a closed list.");

    [Fact]
    public void Public_types_say_what_they_are_for() =>
        Repository.AssertNone(
            from file in Repository.Sources
            where !file.Project.EndsWith("Tests", StringComparison.Ordinal)
            from type in file.Root.DescendantNodes().OfType<MemberDeclarationSyntax>()
            where type is BaseTypeDeclarationSyntax or DelegateDeclarationSyntax
            where type.AncestorsAndSelf().OfType<MemberDeclarationSyntax>().All(IsPublicOrNamespace)
            where !IsDescribed(file, type)
            select file.At(type),
            "A public type has an XML sentence on what it is for.");

    /// <summary>The parts of a partial type need one sentence between them.</summary>
    private static bool IsDescribed(SourceFile file, MemberDeclarationSyntax type) =>
        type.GetLeadingTrivia().Any(SyntaxKind.SingleLineDocumentationCommentTrivia)
        || (type.Modifiers.Any(SyntaxKind.PartialKeyword) && Path.GetFileName(file.Path).Count(c => c == '.') > 1);

    private static bool IsPublicOrNamespace(MemberDeclarationSyntax member) =>
        member is BaseNamespaceDeclarationSyntax || member.Modifiers.Any(SyntaxKind.PublicKeyword);

    private static bool IsNamedFor(string file, string type) =>
        file == type || file == type + "s" || file.StartsWith(type + ".", StringComparison.Ordinal);

    private static IEnumerable<string> Words(string name) => Word().Matches(name).Select(match => match.Value);

    [GeneratedRegex("[A-Z]+(?![a-z])|[A-Z]?[a-z]+")]
    private static partial Regex Word();
}
