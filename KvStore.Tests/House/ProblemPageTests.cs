using System.Text.Json;
using System.Text.RegularExpressions;
using KvStore.Contracts;

namespace KvStore.Tests.House;

/// <summary>Who meets a refusal finds on its page what it means, and the page says what the code says.</summary>
public sealed partial class ProblemPageTests
{
    private const string Folder = "docs/problems";
    private const string Index = "README";
    private const int MaxLines = 32;

    private static readonly string[] Parts = ["**Applied.** ", "**A retry.** ", "**What to do.** "];

    [Fact]
    public void Every_code_has_a_page_and_every_page_a_code() => Assert.Equal(
        ProblemType.All.Select(problem => problem.Code).Append(Index).Order(StringComparer.Ordinal),
        Directory.EnumerateFiles(Path.Combine(Repository.Root, Folder))
            .Select(file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal));

    [Fact]
    public void A_page_begins_with_title_code_status_and_whether_a_retry_helps() =>
        Repository.AssertNone(
            from problem in ProblemType.All
            let retryable = problem.Retryable ? "retryable" : "not retryable"
            where !Page(problem).StartsWith(
                $"# {problem.Title}\n\n`{problem.Code}` · {problem.Status} · {retryable}\n\n", StringComparison.Ordinal)
            select problem.Code,
            "A page begins: # title, an empty line, `code` · status · retryable or not retryable.");

    [Fact]
    public void A_page_says_what_was_applied_and_what_to_do_and_is_short() =>
        Repository.AssertNone(
            from problem in ProblemType.All
            let page = Page(problem)
            where !Parts.All(part => page.Contains($"\n\n{part}", StringComparison.Ordinal))
                || page.Split('\n').Length > MaxLines
            select problem.Code,
            $"A page has the parts {string.Join(", ", Parts)} and at most {MaxLines} lines.");

    [Fact]
    public void The_example_of_a_page_is_such_a_problem() =>
        Repository.AssertNone(
            from problem in ProblemType.All
            let example = JsonSerializer.Deserialize(
                Example().Match(Page(problem)).Groups["json"].Value, ContractsJson.Default.Problem)!
            where (example.Type, example.Title, example.Status, example.Code, example.Retryable)
                != (problem.Reference, problem.Title, problem.Status, problem.Code, problem.Retryable)
            select problem.Code,
            "A page has an example that has what every problem of the type has.");

    [Fact]
    public void The_index_has_a_row_for_each() =>
        Repository.AssertNone(
            from problem in ProblemType.All
            let retryable = problem.Retryable ? "yes" : "no"
            let row = $"| {problem.Status} | [{problem.Code}]({problem.Code}.md) | {retryable} | {problem.Title} |"
            where !Repository.Read($"{Folder}/{Index}.md").Split('\n').Contains(row)
            select row,
            $"{Folder}/{Index}.md lists every code.");

    private static string Page(ProblemType problem) => Repository.Read($"{Folder}/{problem.Code}.md");

    [GeneratedRegex("```json\n(?<json>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Example();
}
