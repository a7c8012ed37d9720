using KvStore.Verification;

namespace KvStore.Tests.Verification;

/// <summary>Histories of several keys at a time: strict serializability.</summary>
public sealed class TransactionCheckerTests
{
    private const int Histories = 200;

    public static TheoryData<string> Anomalies =>
        [.. Enum.GetNames<PlantedAnomaly>().Where(anomaly => anomaly != nameof(PlantedAnomaly.None))];

    [Fact]
    public void Accepts_what_a_store_answers_that_does_one_thing_after_the_other()
    {
        for (var seed = 0; seed < Histories; seed++)
        {
            var judgement = Judge(new GeneratedTransactions(seed, PlantedAnomaly.None).Make());
            Assert.True(judgement.Verdict == Verdict.Legal, $"seed {seed}: {judgement.Why}");
        }
    }

    [Theory, MemberData(nameof(Anomalies))]
    public void Finds_a_planted(string name)
    {
        for (var seed = 0; seed < Histories; seed++)
        {
            var judgement = Judge(new GeneratedTransactions(seed, Enum.Parse<PlantedAnomaly>(name)).Make());
            Assert.True(judgement.Verdict == Verdict.Illegal, $"seed {seed}: {judgement.Verdict}");
        }
    }

    [Fact]
    public void An_unknown_transaction_takes_effect_late_or_never_and_never_by_half()
    {
        var unknown = Txn(1, Put("a", "1"), Put("b", "1")) with { Result = OperationResult.Unknown };
        var nothing = Txn(3, Get("a", null), Get("b", null));
        var all = Txn(5, Get("a", "1"), Get("b", "1"));

        Assert.Equal(Verdict.Legal, Judge([unknown, nothing]).Verdict);
        Assert.Equal(Verdict.Legal, Judge([unknown, nothing, all]).Verdict);
        Assert.Equal(Verdict.Illegal, Judge([unknown, all, nothing with { CallNs = 70, ReturnNs = 71 }]).Verdict);
        Assert.Equal(Verdict.Illegal, Judge([unknown, Txn(3, Get("a", "1"), Get("b", null))]).Verdict);
    }

    [Fact]
    public void What_is_compared_decides_between_both_branches()
    {
        var write = Txn(1, Put("a", "1"));
        var absent = new OperationStep { Op = OperationKind.Get, Key = "a", IfNone = "*" };
        var present = absent with { IfNone = null, IfMatch = "*" };
        var one = absent with { IfNone = null, Value = "1" };
        HistoryOperation If(OperationStep compared, bool holds) => Txn(3, Put("b", "2")) with
        {
            If = [compared],
            Else = [Get("a", "1")],
            Succeeded = holds,
        };

        Assert.Equal(Verdict.Legal, Judge([write, If(absent, holds: false)]).Verdict);
        Assert.Equal(Verdict.Illegal, Judge([write, If(absent, holds: true)]).Verdict);
        foreach (var held in new[] { present, one })
        {
            Assert.Equal(Verdict.Legal, Judge([write, If(held, holds: true)]).Verdict);
            Assert.Equal(Verdict.Illegal, Judge([write, If(held, holds: false)]).Verdict);
        }
    }

    [Fact]
    public void A_transaction_without_an_else_that_fails_is_an_observation()
    {
        var write = Txn(1, Put("a", "1")) with { Ops = [Put("a", "1") with { Etag = "\"1\"" }] };
        HistoryOperation FailIf(string etag) => Txn(3, Put("a", "2")) with
        {
            If = [new OperationStep { Op = OperationKind.Get, Key = "a", IfMatch = etag }],
            Succeeded = null,
            Result = OperationResult.Fail,
        };

        Assert.Equal(Verdict.Legal, Judge([write, FailIf("\"0\"")]).Verdict);
        Assert.Equal(Verdict.Illegal, Judge([write, FailIf("\"1\"")]).Verdict);
    }

    [Fact]
    public void Unknown_increments_count_once_or_not_at_all()
    {
        HistoryOperation Add(int at, string? sum) => new()
        {
            Client = at,
            CallNs = at * 10,
            ReturnNs = (at * 10) + 1,
            Op = OperationKind.Increment,
            Key = "n",
            By = 1,
            Value = sum,
            Result = sum is null ? OperationResult.Unknown : OperationResult.Ok,
        };

        foreach (var sum in new[] { "1", "2", "3" })
            Assert.Equal(Verdict.Legal, Judge([Add(1, null), Add(2, null), Add(3, sum)]).Verdict);
        Assert.Equal(Verdict.Illegal, Judge([Add(1, null), Add(2, null), Add(3, "4")]).Verdict);
        Assert.Equal(Verdict.Illegal, Judge([Add(1, "1"), Add(2, "1")]).Verdict);
    }

    [Fact]
    public void Keys_that_nothing_touches_together_are_judged_apart()
    {
        var wrong = Txn(3, Get("z", "nobody wrote this"));

        var judgement = Judge([Txn(1, Put("a", "1"), Put("b", "1")), wrong]);

        Assert.StartsWith("Key 'z': ", judgement.Why);
        Assert.StartsWith("Keys 'a', 'z': ", Judge([Txn(1, Put("a", "1"), Put("z", "1")), wrong]).Why);
    }

    [Fact]
    public void A_history_survives_its_format()
    {
        var history = new GeneratedTransactions(1, PlantedAnomaly.None).Make();
        var text = Text(history);

        Assert.Equal(text, Text(HistoryFormat.Read(new StringReader(text))));
        Assert.Contains("\"ops\":[{\"op\":\"increment\"", text);
    }

    [Theory]
    [InlineData("""{"client":1,"call_ns":1,"op":"txn","key":"a","result":"ok"}""")]
    [InlineData("""{"client":1,"call_ns":1,"op":"txn","key":"a","ops":[],"result":"ok"}""")]
    [InlineData("""
        {"client":1,"call_ns":1,"op":"txn","key":"a","ops":[{"op":"get","key":"b"}],"result":"ok"}
        """)]
    [InlineData("""{"client":1,"call_ns":1,"op":"get","key":"a","ops":[],"result":"ok"}""")]
    [InlineData("""{"client":1,"call_ns":1,"op":"increment","key":"a","result":"unknown"}""")]
    public void A_line_that_contradicts_itself_is_named(string line) => Assert.Contains(
        "Line 1",
        Assert.Throws<InvalidDataException>(() => HistoryFormat.Read(new StringReader(line))).Message,
        StringComparison.Ordinal);

    private static string Text(IEnumerable<HistoryOperation> history)
    {
        using var writer = new StringWriter();
        HistoryFormat.Write(writer, history);
        return writer.ToString();
    }

    private static Judgement Judge(IEnumerable<HistoryOperation> history) =>
        new LinearizabilityChecker(hasUniqueEtags: true).Judge(history);

    private static HistoryOperation Txn(int at, params OperationStep[] steps) => new()
    {
        Client = at,
        CallNs = at * 10,
        ReturnNs = (at * 10) + 1,
        Op = OperationKind.Txn,
        Key = steps[0].Key,
        Ops = steps,
        Succeeded = true,
        Result = OperationResult.Ok,
    };

    private static OperationStep Put(string key, string value) =>
        new() { Op = OperationKind.Put, Key = key, Value = value };

    private static OperationStep Get(string key, string? value) =>
        new() { Op = OperationKind.Get, Key = key, Value = value };
}
