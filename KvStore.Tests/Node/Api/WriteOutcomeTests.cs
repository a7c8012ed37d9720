using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Api;

/// <summary>What a client is told when things do not go as asked, and above all whether anything was applied.</summary>
public sealed class WriteOutcomeTests : IAsyncLifetime
{
    private static readonly KeyVersion Written = new(new Term(1), new LogIndex(7));
    private ApiNode _node = null!;

    public async ValueTask InitializeAsync() => _node = await ApiNode.StartAsync();

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Fact]
    public async Task A_low_disk_is_507_and_nothing_was_applied_unless_an_earlier_attempt_may_have_been()
    {
        _node.Partitions.OnWrite = (_, _) => new(new WriteOutcome.DiskLow());
        Assert.Equal((507, "disk-low", Applied.No), Told(await _node.SendBodyAsync("PUT", "/v1/k", "v")));
        var rounds = 0;
        _node.Partitions.OnWrite = (_, _) =>
            new(rounds++ == 0 ? new WriteOutcome.Indeterminate() : new WriteOutcome.DiskLow());
        Assert.Equal((504, "deadline-exceeded", Applied.Unknown), Told(await _node.SendBodyAsync("PUT", "/v1/k", "v")));
    }

    [Theory]
    [InlineData(WriteStatus.RequestIdExpired, "idempotency-expired", "may have been applied")]
    [InlineData(WriteStatus.RequestIdAhead, "idempotency-ahead", "more than 60 s ahead")]
    public async Task An_id_that_is_refused_is_409_unless_an_earlier_attempt_may_have_been_applied(
        WriteStatus status, string code, string detail)
    {
        var result = new WriteResult(status, KeyVersion.None, IsReplay: false);
        _node.Partitions.OnWrite = (_, _) => new(new WriteOutcome.Committed(result, 2, 3));
        var refused = await _node.SendBodyAsync("PUT", "/v1/k", "v");
        Assert.Equal((409, code, Applied.No), Told(refused));
        Assert.False(refused.Problem.Retryable);
        Assert.Contains(detail, refused.Problem.Detail, StringComparison.Ordinal);
        Assert.Contains("new Idempotency-Key", refused.Problem.Detail, StringComparison.Ordinal);
        Assert.Equal((409, code, Applied.No), Told(await _node.SendAsync("DELETE", "/v1/k")));

        var rounds = 0;
        _node.Partitions.OnWrite = (_, _) => new(
            rounds++ % 2 == 0 ? new WriteOutcome.Indeterminate()
            : rounds == 2 ? new WriteOutcome.Committed(result, 2, 3)
            : new WriteOutcome.TooFewCopies(result, 2, 3));
        foreach (var ack in new[] { "quorum", "all" })
        {
            Assert.Equal(
                (504, "deadline-exceeded", Applied.Unknown),
                Told(await _node.SendBodyAsync("PUT", $"/v1/k?ack={ack}", "v")));
        }
    }

    [Fact]
    public async Task Too_few_copies_is_a_deadline_with_the_write_applied()
    {
        _node.Partitions.OnWrite = (_, _) =>
            new(new WriteOutcome.TooFewCopies(new WriteResult(WriteStatus.Created, Written, false), 2, 3));

        var answer = await _node.SendBodyAsync("PUT", "/v1/k?ack=all", "v");
        Assert.Equal((504, "deadline-exceeded", Applied.Yes), Told(answer));
        Assert.Equal(("7", "2/3"), (answer["Kv-Version"], answer["Kv-Copies"]));
    }

    [Fact]
    public async Task A_failed_condition_stays_one_with_too_few_copies()
    {
        _node.Partitions.OnWrite = (_, _) =>
            new(new WriteOutcome.TooFewCopies(new WriteResult(WriteStatus.VersionMismatch, Written, false), 2, 3));

        Assert.Equal(
            (412, "precondition-failed", Applied.No),
            Told(await _node.SendBodyAsync("PUT", "/v1/k?ack=all", "v", "If-None-Match: *")));
    }

    [Fact]
    public async Task A_write_without_an_outcome_by_its_deadline_is_unknown()
    {
        _node.Partitions.OnWrite = async (_, deadline) =>
        {
            await UntilCancelled(deadline);
            return new WriteOutcome.Indeterminate();
        };

        Assert.Equal(
            (504, "deadline-exceeded", Applied.Unknown),
            Told(await _node.SendBodyAsync("PUT", "/v1/k?timeout=50ms", "v")));
    }

    [Fact]
    public async Task Lost_leadership_is_asked_about_under_the_same_id()
    {
        var rounds = 0;
        _node.Partitions.OnWrite = (_, _) => new(rounds++ == 0 ? new WriteOutcome.Indeterminate() : null);

        var answer = await _node.SendBodyAsync("PUT", "/v1/k", "v");
        Assert.Equal(201, answer.Status);
        Assert.Equal(2, _node.Partitions.Commands.Count);
        Assert.Single(_node.Partitions.Commands.Select(command => command.RequestId).Distinct());
    }

    [Fact]
    public async Task Overload_is_told_at_once_and_nothing_was_applied()
    {
        _node.Partitions.OnWrite = (_, _) => new(new WriteOutcome.Overloaded());
        _node.Partitions.OnRead = _ => new(new ReadOutcome.Overloaded());

        var (write, read) = (await _node.SendBodyAsync("PUT", "/v1/k", "v"), await _node.SendAsync("GET", "/v1/k"));
        foreach (var answer in new[] { write, read })
        {
            Assert.Equal((ProblemType.Overloaded.Status, "overloaded", Applied.No), Told(answer));
            Assert.InRange(answer.RetryAfterSeconds, 1, 3);
        }
    }

    [Fact]
    public async Task Overload_after_an_unknown_attempt_does_not_claim_that_nothing_was_applied()
    {
        var rounds = 0;
        _node.Partitions.OnWrite = (_, _) =>
            new(rounds++ == 0 ? new WriteOutcome.Indeterminate() : new WriteOutcome.Overloaded());

        Assert.Equal((504, "deadline-exceeded", Applied.Unknown), Told(await _node.SendBodyAsync("PUT", "/v1/k", "v")));
    }

    [Fact]
    public async Task Without_a_primary_a_request_waits_until_its_deadline()
    {
        _node.Partitions.OnWrite = (_, _) => new(new WriteOutcome.NotPrimary(NodeId.None));
        _node.Partitions.OnRead = _ => new(new ReadOutcome.NotPrimary(NodeId.None));

        foreach (var answer in new[]
        {
            await _node.SendBodyAsync("PUT", "/v1/k?timeout=80ms", "v"),
            await _node.SendAsync("GET", "/v1/k?timeout=80ms"),
        })
        {
            Assert.Equal((503, "no-quorum", Applied.No), Told(answer));
            Assert.InRange(answer.RetryAfterSeconds, 1, 3);
            Assert.True(answer.Problem.Retryable);
        }

        Assert.InRange(_node.Partitions.Commands.Count, 2, 40);
    }

    [Fact]
    public async Task A_read_that_no_majority_confirms_is_refused()
    {
        _node.Partitions.OnRead = _ => new(new ReadOutcome.TimedOut());

        Assert.Equal((503, "no-quorum", Applied.No), Told(await _node.SendAsync("GET", "/v1/k")));
    }

    [Fact]
    public async Task A_defect_is_told_without_its_story()
    {
        _node.Partitions.OnWrite = (_, _) => throw new FormatException("secret");
        _node.Partitions.OnRead = _ => throw new FormatException("secret");

        var write = await _node.SendBodyAsync("PUT", "/v1/k", "v");
        Assert.Equal((500, "internal", Applied.Unknown), Told(write));
        Assert.DoesNotContain("secret", write.Body, StringComparison.Ordinal);
        Assert.Equal((500, "internal", Applied.No), Told(await _node.SendAsync("GET", "/v1/k")));
        Assert.Empty(_node.Crashes);
    }

    [Fact]
    public async Task A_broken_invariant_stops_the_process()
    {
        _node.Partitions.OnWrite = (_, _) => throw new InvariantBrokenException("a claim");

        await _node.SendBodyAsync("PUT", "/v1/k", "v");
        Assert.IsType<InvariantBrokenException>(Assert.Single(_node.Crashes));
    }

    [Fact]
    public async Task A_forming_cluster_is_waited_for()
    {
        _node.Partitions.IsForming = true;

        var tooLate = await _node.SendAsync("GET", "/v1/k?timeout=30ms");
        Assert.Equal((503, "not-ready", Applied.No), Told(tooLate));
        Assert.InRange(tooLate.RetryAfterSeconds, 1, 3);
        Assert.Equal((503, "not-ready", Applied.No), Told(await _node.SendAsync("GET", "/v1/k", "Kv-Forward: never")));
        var held = _node.SendBodyAsync("PUT", "/v1/k", "v");
        _node.Partitions.Form();
        Assert.Equal(201, (await held).Status);
    }

    [Fact]
    public async Task Bodies_beyond_what_may_be_held_at_once_are_refused()
    {
        const int Value = 3 << 20;
        await using var node = await ApiNode.StartAsync(configure: options =>
        {
            options.MaxValueBytes = Value;
            options.MaxBodyBytesInFlight = 6 * Value;
        });
        using var entered = new SemaphoreSlim(0);
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        node.Partitions.OnWrite = async (_, _) =>
        {
            entered.Release();
            await release.Task;
            return null;
        };

        var first = Enumerable.Range(0, 6)
            .Select(number => node.SendBodyAsync("PUT", $"/v1/{number}", new byte[Value])).ToList();
        for (var waiting = 0; waiting < first.Count; waiting++)
            await entered.WaitAsync(TestContext.Current.CancellationToken);
        var next = await RawHttp.SendAsync(node.Address, RawHttp.Head("PUT", "/v1/b", $"Content-Length: {Value}"));
        Assert.Equal("overloaded", next.Problem.Code);
        release.SetResult();
        Assert.All(await Task.WhenAll(first), answer => Assert.Equal(201, answer.Status));
        Assert.Equal(201, (await node.SendBodyAsync("PUT", "/v1/c", new byte[Value])).Status);
    }

    internal static async Task UntilCancelled(CancellationToken token)
    {
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = token.UnsafeRegister(_ => cancelled.TrySetResult(), null);
        await cancelled.Task;
    }

    private static (int, string, Applied) Told(RawResponse answer) =>
        (answer.Status, answer.Problem.Code, answer.Problem.Applied);
}
