using System.Runtime.CompilerServices;
using KvStore.Verification;

namespace KvStore.Tests.Verification;

public sealed class LinearizabilityCheckerTests
{
    private const int GeneratedPerBug = 100;

    public static TheoryData<string, string> KnownHistories()
    {
        TheoryData<string, string> data = [];
        foreach (var line in File.ReadLines(Path.Combine(Folder(), "expected.csv")).Skip(1))
            data.Add(line.Split(',')[0], line.Split(',')[1]);
        return data;
    }

    public static TheoryData<string> Bugs =>
        [.. Enum.GetNames<PlantedBug>().Where(bug => bug != nameof(PlantedBug.None))];

    [Theory, MemberData(nameof(KnownHistories))]
    public void Agrees_with_the_public_verdict(string file, string verdict)
    {
        using var reader = File.OpenText(Path.Combine(Folder(), file));
        var judgement = new LinearizabilityChecker(hasUniqueEtags: false).Judge(HistoryFormat.Read(reader));

        Assert.Equal(verdict == "legal" ? Verdict.Legal : Verdict.Illegal, judgement.Verdict);
    }

    [Fact]
    public void Accepts_what_a_linearizable_store_answers()
    {
        for (var seed = 0; seed < 5 * GeneratedPerBug; seed++)
        {
            var history = new GeneratedHistory(seed, PlantedBug.None).Make();
            foreach (var hasUniqueEtags in new[] { true, false })
            {
                var judgement = new LinearizabilityChecker(hasUniqueEtags).Judge(history);
                Assert.True(
                    judgement.Verdict == Verdict.Legal,
                    $"seed {seed}, unique {hasUniqueEtags}: {judgement.Why}");
            }
        }
    }

    [Theory, MemberData(nameof(Bugs))]
    public void Finds_a_planted(string name)
    {
        for (var seed = 0; seed < GeneratedPerBug; seed++)
        {
            var history = new GeneratedHistory(seed, Enum.Parse<PlantedBug>(name)).Make();
            var judgement = new LinearizabilityChecker(hasUniqueEtags: true).Judge(history);
            Assert.True(judgement.Verdict == Verdict.Illegal, $"seed {seed}: {judgement.Verdict}");
        }
    }

    [Fact]
    public void An_unknown_write_may_take_effect_late_or_never()
    {
        var write = Call(1, 2, OperationKind.Put, "a") with { Result = OperationResult.Unknown };
        var readBefore = Call(3, 4, OperationKind.Get, null);
        var readAfter = Call(5, 6, OperationKind.Get, "a");

        Assert.Equal(Verdict.Legal, Judge(write, readBefore));
        Assert.Equal(Verdict.Legal, Judge(write, readBefore, readAfter));
        Assert.Equal(Verdict.Illegal, Judge(write, readAfter, Call(7, 8, OperationKind.Get, null)));
    }

    [Fact]
    public void A_rejected_write_takes_no_effect()
    {
        var write = Call(1, 2, OperationKind.Put, "a") with { Result = OperationResult.Rejected };

        Assert.Equal(Verdict.Legal, Judge(write, Call(3, 4, OperationKind.Get, null)));
        Assert.Equal(Verdict.Illegal, Judge(write, Call(3, 4, OperationKind.Get, "a")));
    }

    [Fact]
    public void A_failed_condition_is_an_observation()
    {
        var write = Call(1, 2, OperationKind.Put, "a");
        var onlyIfAbsent = Call(3, 4, OperationKind.Put, "b") with { IfNone = "*", Result = OperationResult.Fail };
        var onlyIfPresent = Call(3, 4, OperationKind.Put, "b") with { IfMatch = "*", Result = OperationResult.Fail };

        Assert.Equal(Verdict.Legal, Judge(write, onlyIfAbsent));
        Assert.Equal(Verdict.Illegal, Judge(onlyIfAbsent));
        Assert.Equal(Verdict.Legal, Judge(onlyIfPresent));
        Assert.Equal(Verdict.Illegal, Judge(write, onlyIfPresent));
    }

    [Fact]
    public void An_eventual_read_is_not_judged() =>
        Assert.Equal(
            Verdict.Legal,
            Judge(Call(1, 2, OperationKind.Put, "a"), Call(3, 4, OperationKind.GetEventual, null)));

    [Fact]
    public void Keys_are_judged_apart()
    {
        var here = Call(1, 2, OperationKind.Put, "a");
        var elsewhere = Call(3, 4, OperationKind.Get, null) with { Key = "other" };

        Assert.Equal(Verdict.Legal, Judge(here, elsewhere));
        Assert.Equal(Verdict.Illegal, Judge(here, elsewhere with { Key = here.Key }));
    }

    [Fact]
    public void A_search_that_grows_too_large_is_undecided()
    {
        var writes = Enumerable.Range(0, 12).Select(number => Call(1, 100, OperationKind.Put, $"v{number}"));
        var read = Call(101, 102, OperationKind.Get, "nobody wrote this");

        var checker = new LinearizabilityChecker(hasUniqueEtags: true, maxConfigurations: 50);
        var judgement = checker.Judge([.. writes, read]);

        Assert.Equal(Verdict.Undecided, judgement.Verdict);
    }

    [Fact]
    public void A_history_survives_its_format()
    {
        var history = new GeneratedHistory(1, PlantedBug.None).Make();
        using StringWriter writer = new();
        HistoryFormat.Write(writer, history);

        using StringReader reader = new(writer.ToString());
        Assert.Equal(history, HistoryFormat.Read(reader));
    }

    [Fact]
    public void A_line_that_is_no_operation_is_named()
    {
        using StringReader reader = new("\n{\"client\":1,\"op\":\"txn\"}");

        var wrong = Assert.Throws<InvalidDataException>(() => HistoryFormat.Read(reader));

        Assert.Contains("Line 2", wrong.Message, StringComparison.Ordinal);
    }

    private static Verdict Judge(params HistoryOperation[] history) =>
        new LinearizabilityChecker(hasUniqueEtags: true).Judge(history).Verdict;

    private static HistoryOperation Call(long call, long returned, OperationKind kind, string? value) => new()
    {
        Client = (int)call,
        CallNs = call,
        ReturnNs = returned,
        Op = kind,
        Key = "k",
        Value = value,
        Found = kind == OperationKind.Get ? value is not null : null,
        Result = OperationResult.Ok,
    };

    private static string Folder([CallerFilePath] string path = "") =>
        Path.Combine(Path.GetDirectoryName(path)!, "Histories");
}
