using KvStore.Cli.Chaos.Load;
using KvStore.Verification;

namespace KvStore.Tests.Cli.Chaos.Load;

/// <summary>Which answers break a promise by themselves.</summary>
public sealed class RoundLogTests
{
    private static readonly Door Balancer = new("http://localhost:1", null);

    [Theory]
    [InlineData(OperationKind.Put, 507, true, 0)]
    [InlineData(OperationKind.Put, 507, false, 1)]
    [InlineData(OperationKind.Increment, 507, true, 0)]
    [InlineData(OperationKind.Delete, 507, true, 1)]
    [InlineData(OperationKind.Get, 507, true, 1)]
    [InlineData(OperationKind.Get, 503, false, 0)]
    [InlineData(OperationKind.Put, 500, true, 1)]
    public void Only_a_value_needs_room_and_only_a_full_disk_has_none(
        OperationKind kind, int status, bool mayLackRoom, int oddities)
    {
        var log = new RoundLog(mayLackRoom);

        Note(log, kind, status, isLate: false);

        Assert.Equal(oddities, log.Oddities.Count);
        Assert.Equal((status, true), (Assert.Single(log.Calls).Status, log.Calls.Single().IsRefused));
    }

    [Fact]
    public void A_late_answer_is_one_whatever_it_says()
    {
        var log = new RoundLog(mayLackRoom: false);

        Note(log, OperationKind.Get, 200, isLate: true);

        Assert.Contains("was not answered within", Assert.Single(log.Oddities));
    }

    [Fact]
    public void A_race_has_one_winner()
    {
        var log = new RoundLog(mayLackRoom: false);
        foreach (var winners in new[] { 0, 1, 2 })
            log.NoteRace("k", winners);

        Assert.Equal(3, log.Races);
        Assert.Equal("a race for k was won 2 times", Assert.Single(log.Oddities));
    }

    private static void Note(RoundLog log, OperationKind kind, int status, bool isLate)
    {
        var operation = new HistoryOperation
        {
            Client = 1,
            CallNs = 1,
            Op = kind,
            Key = "k",
            Result = OperationResult.Unknown,
        };
        var result = status < 300 ? OperationResult.Ok : OperationResult.Rejected;
        log.Note(Balancer, operation, new Attempt(result, status), TimeSpan.FromSeconds(1), isLate);
    }
}
