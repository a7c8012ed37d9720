using System.ComponentModel;
using System.Diagnostics;
using KvStore.Tests.House;
using KvStore.Verification;

namespace KvStore.Tests.Verification;

/// <summary>
/// A second judge, written from the rules alone in another language and by another method, comes to the same verdicts:
/// an error in one of them would have to be in both.
/// </summary>
public sealed class SecondJudgeTests : IDisposable
{
    private const int HistoriesPerBug = 60;

    private readonly string _root = Directory.CreateTempSubdirectory("kvstore-judge-").FullName;

    public static TheoryData<string> Bugs => [.. Enum.GetNames<PlantedBug>()];

    public static TheoryData<string> Anomalies => [.. Enum.GetNames<PlantedAnomaly>()];

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task It_agrees_with_the_public_verdicts()
    {
        var folder = Path.Combine(Repository.Root, "KvStore.Tests", "Verification", "Histories");
        var expected = File.ReadLines(Path.Combine(folder, "expected.csv")).Skip(1)
            .Select(line => line.Split(','))
            .ToDictionary(columns => Path.Combine(folder, columns[0]), columns => columns[1]);

        Assert.Equal(expected, await JudgeAsync(["--values-are-versions", .. expected.Keys]));
    }

    [Theory, MemberData(nameof(Bugs))]
    public Task It_agrees_with_the_checker(string bug) =>
        AgreesAsync(seed => new GeneratedHistory(seed, Enum.Parse<PlantedBug>(bug)).Make());

    [Theory, MemberData(nameof(Anomalies))]
    public Task It_agrees_with_the_checker_on_transactions(string anomaly) =>
        AgreesAsync(seed => new GeneratedTransactions(seed, Enum.Parse<PlantedAnomaly>(anomaly)).Make());

    private async Task AgreesAsync(Func<int, IReadOnlyList<HistoryOperation>> make)
    {
        Dictionary<string, string> expected = [];
        for (var seed = 1000; seed < 1000 + HistoriesPerBug; seed++)
        {
            var history = make(seed);
            var file = Path.Combine(_root, $"{seed}.jsonl");
            await using (var writer = new StreamWriter(file))
                HistoryFormat.Write(writer, history.Select(Answered));
            var judgement = new LinearizabilityChecker(hasUniqueEtags: true).Judge(history);
            expected[file] = judgement.Verdict == Verdict.Legal ? "legal" : "illegal";
        }

        Assert.Equal(expected, await JudgeAsync([.. expected.Keys]));
    }

    /// <summary>With the code of an answer, which is for people.</summary>
    private static HistoryOperation Answered(HistoryOperation operation) =>
        operation with { Status = operation.Result == OperationResult.Unknown ? 504 : null };

    private static async Task<Dictionary<string, string>> JudgeAsync(string[] arguments)
    {
        var script = Path.Combine(Repository.Root, "KvStore.Verification", "judge.py");
        var start = new ProcessStartInfo("python3", ["-B", script, .. arguments]) { RedirectStandardOutput = true };
        using var judge = StartOrSkip(start);
        var text = await judge.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await judge.WaitForExitAsync(TestContext.Current.CancellationToken);
        return text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(','))
            .ToDictionary(columns => columns[0], columns => columns[1]);
    }

    private static Process StartOrSkip(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            Assert.Skip("There is no python3 on this machine.");
            throw;
        }
    }
}
