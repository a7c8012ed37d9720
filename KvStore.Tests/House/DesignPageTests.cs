using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace KvStore.Tests.House;

/// <summary>What a DESIGN.md puts in backticks is in the code: a page must not outlive what it describes.</summary>
public sealed partial class DesignPageTests
{
    [Fact]
    public void Names_in_the_design_pages_exist()
    {
        var names = Repository.Sources
            .SelectMany(file => file.Root.DescendantTokens())
            .Where(token => token.IsKind(SyntaxKind.IdentifierToken))
            .Select(token => token.Text)
            .Concat(Repository.Projects.Select(project => project.Name))
            .ToHashSet();
        var files = Repository.FindFiles("*").Select(path => Path.GetFileName(path)).ToHashSet();

        Repository.AssertNone(
            from page in Repository.FindFiles("DESIGN.md")
            from quoted in Quoted().Matches(Fence().Replace(Repository.Read(page), ""))
            let text = quoted.Groups["text"].Value
            where !Exists(text, names, files)
            select $"{page}: {text}",
            "Names in backticks exist in the code.");
    }

    /// <summary>Files and names of the form A.B are looked for; anything else in backticks is prose.</summary>
    private static bool Exists(string text, HashSet<string> names, HashSet<string> files)
    {
        if (FileName().IsMatch(text))
            return files.Contains(text.Split('/')[^1]);
        return !CodeName().IsMatch(text)
            || text.Split('.').Select(part => part.Split('(', '<')[0]).All(names.Contains)
            || names.Contains(text);
    }

    [GeneratedRegex("`(?<text>[^`\n]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex("^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"^[\w./-]+\.(cs|proto|csproj)$")]
    private static partial Regex FileName();

    [GeneratedRegex(@"^[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*(\.[A-Z][A-Za-z0-9]*)*(\(.*\)|<.*>)?$")]
    private static partial Regex CodeName();
}
