using System.Text.RegularExpressions;
using KvStore.Tests.Mutants;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvStore.Tests.House;

/// <summary>Every law is written down, with a test that exists, and there is a mutant that breaks it.</summary>
public sealed partial class LawTests
{
    private static readonly string[] Laws = [.. new[]
    {
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 32,
        33, 34,
    }.Select(law => $"{law}")];

    /// <summary>Without a lease nothing can break the law of leases.</summary>
    private static readonly string[] NothingToBreak = ["11"];

    [Fact]
    public void Every_law_is_in_a_design_page() =>
        Assert.Equal(Laws.Order(), Rows().Select(row => row.Law).Distinct().Order());

    [Fact]
    public void Every_law_has_a_mutant() => Assert.Empty(Laws
        .Except(NothingToBreak)
        .Except(CoreMutants.All.Concat(HostMutants.All).Concat(NodeMutants.All).Concat(StorageMutants.All)
            .Select(mutant => mutant.Law)));

    [Fact]
    public void The_tests_and_invariants_that_are_named_with_a_law_exist()
    {
        var methods = Repository.Sources
            .SelectMany(file => file.Root.DescendantNodes().OfType<MethodDeclarationSyntax>())
            .Select(method => method.Identifier.Text)
            .ToHashSet();

        Repository.AssertNone(
            from row in Rows()
            from name in TestName().Matches(row.Text).Select(match => match.Groups[1].Value)
            where !methods.Contains(name)
            select $"{row.Page}, law {row.Law}: {name}",
            "A law's tests exist.");
        Assert.All(
            Rows().Where(row => !NothingToBreak.Contains(row.Law)),
            row => Assert.Matches(TestName(), row.Text));
    }

    private static IEnumerable<(string Page, string Law, string Text)> Rows() =>
        from page in Repository.FindFiles("DESIGN.md")
        let laws = Repository.Read(page).Split("\n## The laws\n")
        where laws.Length > 1
        from row in Row().Matches(laws[1])
        select (page, row.Groups["law"].Value, row.Value);

    [GeneratedRegex(@"^\| (?<law>\d+) \|.*$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`([A-Z][a-z]*_[A-Za-z0-9_]+)`")]
    private static partial Regex TestName();
}
