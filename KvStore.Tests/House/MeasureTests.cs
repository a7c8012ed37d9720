using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvStore.Tests.House;

public sealed class MeasureTests
{
    private const int MaxFileLines = 400;
    private const int MaxMethodLines = 70;
    private const int MaxColumns = 120;

    [Fact]
    public void There_is_something_to_measure()
    {
        Assert.NotEmpty(Repository.Sources);
        Assert.Contains(Repository.Sources, file => file.Path == "KvStore.Core/Ring/HashRing.cs");
    }

    [Fact]
    public void No_file_is_longer_than_400_lines() =>
        Repository.AssertNone(
            Repository.Sources
                .Where(file => file.Lines.Length - 1 > MaxFileLines)
                .Select(file => $"{file.Path}: {file.Lines.Length - 1} lines"),
            $"Files have at most {MaxFileLines} lines.");

    [Fact]
    public void No_line_is_longer_than_120_columns() =>
        Repository.AssertNone(
            from file in Repository.Sources
            from line in file.Lines.Index()
            where line.Item.TrimEnd('\r').Length > MaxColumns
            select $"{file.Path}:{line.Index + 1}: {line.Item.Length} columns",
            $"Lines have at most {MaxColumns} columns.");

    [Fact]
    public void No_method_is_longer_than_70_lines() =>
        Repository.AssertNone(
            from file in Repository.Sources
            from body in Bodies(file.Root)
            let lines = LinesOf(body)
            where lines > MaxMethodLines
            select $"{file.At(body)}: {lines} lines",
            $"Methods have at most {MaxMethodLines} lines.");

    [Fact]
    public void No_program_is_longer_than_70_lines() =>
        Repository.AssertNone(
            from file in Repository.Sources
            let statements = file.Root.Members.OfType<GlobalStatementSyntax>().ToList()
            where statements.Sum(LinesOf) > MaxMethodLines
            select $"{file.Path}: {statements.Sum(LinesOf)} lines of statements",
            $"A program's statements have at most {MaxMethodLines} lines.");

    private static IEnumerable<SyntaxNode> Bodies(SyntaxNode root) =>
        root.DescendantNodes().Where(node =>
            node is BaseMethodDeclarationSyntax or AccessorDeclarationSyntax or LocalFunctionStatementSyntax
                or PropertyDeclarationSyntax { ExpressionBody: not null });

    /// <summary>From the first token, without the comments above it, to the last.</summary>
    private static int LinesOf(SyntaxNode node)
    {
        var span = node.SyntaxTree.GetLineSpan(node.Span);
        return span.EndLinePosition.Line - span.StartLinePosition.Line + 1;
    }
}
