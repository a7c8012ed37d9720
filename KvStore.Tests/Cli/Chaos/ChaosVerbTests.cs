using System.Text.Json;
using KvStore.Cli.Chaos;
using KvStore.Cli.Chaos.Faults;
using KvStore.Cli.Chaos.Load;
using KvStore.Tests.Verification;
using KvStore.Verification;

namespace KvStore.Tests.Cli.Chaos;

public sealed class ChaosVerbTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kvstore-chaos-").FullName;

    private string HistoryFile => Path.Combine(_root, "history.jsonl");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData("--seed", "-1")]
    [InlineData("--rounds", "0")]
    [InlineData("--duration", "15")]
    [InlineData("--duration", "s")]
    [InlineData("--duration", "0s")]
    [InlineData("--faults", "kill,earthquake")]
    [InlineData("--faults", "")]
    [InlineData("--load", "transfers,dance")]
    [InlineData("--clients", "0")]
    [InlineData("--nodes", "10")]
    [InlineData("--rate", "many")]
    [InlineData("--keys", "0")]
    [InlineData("--calm", "soon")]
    [InlineData("--output", "table")]
    [InlineData("--judge", "/nowhere/history.jsonl")]
    public async Task A_wrong_command_line_is_explained_and_has_exit_code_2(string option, string value)
    {
        using var terminal = new MemoryTerminal();

        Assert.Equal(2, await terminal.RunAsync("chaos", option, value));
        Assert.StartsWith("kv: ", terminal.Errors);
        Assert.DoesNotContain("   at ", terminal.Errors);
        Assert.Empty(terminal.Output);
    }

    [Fact]
    public async Task A_directory_with_something_in_it_is_not_used()
    {
        await File.WriteAllTextAsync(HistoryFile, "", TestContext.Current.CancellationToken);
        using var terminal = new MemoryTerminal();

        Assert.Equal(2, await terminal.RunAsync("chaos", "--data", _root));
        Assert.Contains("is not empty", terminal.Errors);
    }

    [Fact]
    public async Task The_everyday_help_does_not_list_it_and_its_own_names_every_fault()
    {
        using var everyday = new MemoryTerminal();
        using var own = new MemoryTerminal();
        await everyday.RunAsync("--help");
        Assert.Equal(0, await own.RunAsync("chaos", "--help"));

        Assert.DoesNotContain("chaos", everyday.Output);
        foreach (var kind in FaultCatalogue.Parse("all").Kinds!.Value)
            Assert.Matches($"\n +{kind} +[A-Za-z0-9]", own.Output);    // with what it does
        foreach (var kind in LoadCatalogue.Parse("all").Kinds!.Value)
            Assert.Matches($"\n +{kind} +[A-Za-z0-9]", own.Output);
    }

    [Theory]
    [InlineData(nameof(PlantedBug.None), 0)]
    [InlineData(nameof(PlantedBug.StaleRead), 1)]
    [InlineData(nameof(PlantedBug.LostWrite), 1)]
    public async Task A_history_is_judged_without_a_cluster(string bug, int code)
    {
        Write(new GeneratedHistory(1, Enum.Parse<PlantedBug>(bug)).Make());
        using var terminal = new MemoryTerminal();

        Assert.Equal(code, await terminal.RunAsync("chaos", "--judge", HistoryFile));
        var last = JsonSerializer.Deserialize(terminal.Output.TrimEnd().Split('\n')[^1], ChaosJson.Lines.ChaosEvent)!;
        Assert.Equal("verdict", last.Event);
        Assert.Equal(code, last.Violations);
    }

    [Fact]
    public void A_key_is_judged_over_all_its_rounds()
    {
        var write = Call(1, OperationKind.Put, "a");
        var record = new RunRecord();
        record.Judge([write, Call(2, OperationKind.Get, "a")]);
        Assert.Empty(record.Violations);

        record.Judge([Call(3, OperationKind.Get, null)]);

        Assert.Contains("Illegal: Key 'k'", Assert.Single(record.Violations));
    }

    [Fact]
    public void Keys_that_a_transaction_ties_together_are_judged_together()
    {
        var tie = Call(1, OperationKind.Txn, null) with
        {
            Ops = [Step("k", "a"), Step("other", "b")],
            Succeeded = true,
        };
        var record = new RunRecord();
        record.Judge([tie]);
        record.Judge([Call(2, OperationKind.Get, "b") with { Key = "other" }]);
        Assert.Empty(record.Violations);

        record.Judge([Call(3, OperationKind.Get, null)]);

        Assert.Contains("Illegal: Keys 'k', 'other'", Assert.Single(record.Violations));
        Assert.Equal((3, 1), (record.Counts.Total, record.Load.Transactions));
        static OperationStep Step(string key, string value) =>
            new() { Op = OperationKind.Put, Key = key, Value = value };
    }

    [Fact]
    public void What_is_typed_to_do_the_same_again_names_faults_and_work() => Assert.StartsWith(
        "kv chaos --seed 3 --faults none --load races,counters --rounds 2 ",
        new ChaosOptions
        {
            Seed = 3,
            Faults = [],
            Loads = ["races", "counters"],
            Rounds = 2,
            Clients = 1,
            Rate = 1,
            Nodes = 1,
            Keys = 1,
        }.Replay);

    [Fact]
    public void Seeds_are_the_same_in_every_run_and_different_for_every_round()
    {
        Assert.Equal(1389580065, Seeds.Of(7, 1, 2));
        Assert.Equal(1000, Enumerable.Range(0, 1000).Select(round => Seeds.Of(7, round)).Distinct().Count());
    }

    private static HistoryOperation Call(long at, OperationKind kind, string? value) => new()
    {
        Client = 1,
        CallNs = 10 * at,
        ReturnNs = (10 * at) + 5,
        Op = kind,
        Key = "k",
        Value = value,
        Found = kind == OperationKind.Get ? value is not null : null,
        Result = OperationResult.Ok,
    };

    private void Write(IEnumerable<HistoryOperation> history)
    {
        using var writer = new StreamWriter(HistoryFile);
        HistoryFormat.Write(writer, history);
    }
}
