using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Node.Replication;

public sealed class FreshnessTests
{
    private static readonly Term Four = new(4);
    private readonly ReplicaHarness _backup = new();

    [Fact]
    public void A_backup_is_as_fresh_as_its_own_stamp_that_came_back()
    {
        var stamp = Ask();
        Advance(2);    // the answer is on its way, or the primary is paused
        Beat(echo: stamp);
        Assert.Equal(TimeSpan.FromSeconds(2), Staleness);
        Advance(7);
        Assert.Equal(TimeSpan.FromSeconds(9), Staleness);
    }

    /// <summary>What waits at its door while it stands still is old when it is taken.</summary>
    [Fact]
    public void A_backup_that_was_paused_does_not_take_what_it_finds_for_news()
    {
        var stamp = Ask();
        Advance(60);    // paused; the heartbeat that came in time waited
        Beat(echo: stamp);
        Assert.Equal(TimeSpan.FromSeconds(60), Staleness);

        var next = Ask();
        Beat(echo: next);
        Assert.Equal(TimeSpan.Zero, Staleness);
    }

    [Fact]
    public void A_backup_that_hears_of_more_than_it_has_applied_is_as_old_as_what_it_has()
    {
        Beat(echo: Ask());
        Advance(7);
        Beat(echo: Ask(), freshAt: 2);    // lacks both entries
        Assert.Equal(TimeSpan.FromSeconds(7), Staleness);
        Advance(1);
        Beat(echo: Ask(), freshAt: 3);
        Advance(1);
        Append(2, commit: 2);
        Assert.Equal(TimeSpan.FromSeconds(2), Staleness);    // complete as of the second heartbeat
        Append(1, commit: 3);
        Assert.Equal(TimeSpan.FromSeconds(1), Staleness);

        void Append(int count, long commit)
        {
            var last = _backup.LastIndex;
            var entries = Enumerable.Range(1, count)
                .Select(step => new LogEntry(last + step, Four, EntryKind.Empty, default));
            _backup.Receive(2, new PeerMessage.AppendRequest(
                Four, last, new Term(last == LogIndex.Zero ? 0 : 4), [.. entries], new LogIndex(commit)));
        }
    }

    [Fact]
    public void A_primary_of_an_earlier_term_and_a_candidate_make_nothing_fresh()
    {
        var stamp = Ask();
        Beat(echo: stamp);
        Advance(7);
        var later = Ask();
        _backup.Receive(3, new PeerMessage.Heartbeat(new Term(3), default, Round: 9, default, Stamp: 1, Echo: later));
        _backup.Receive(
            3, new PeerMessage.VoteRequest(new Term(5), LogIndex.Zero, Term.Zero, IsPreVote: true, IsTransfer: false));

        Assert.Equal(TimeSpan.FromSeconds(7), Staleness);
    }

    /// <summary>A primary goes on echoing what it had from the process before until it hears the new one.</summary>
    [Theory, InlineData(1), InlineData(4_000_000), InlineData(long.MaxValue / 2)]
    public void A_stamp_of_before_a_restart_is_never_believed(long firstStamp)
    {
        Advance(3600);
        var old = Ask();
        ReplicaHarness restarted = new(firstStamp: firstStamp);
        restarted.Time.Advance(TimeSpan.FromMinutes(firstStamp == 1 ? 59 : 61));
        restarted.Receive(2, new PeerMessage.Heartbeat(Four, default, Round: 1, default, Stamp: 1, Echo: old));

        Assert.False(restarted.Replica.Local.IsStalenessKnown);
    }

    [Fact]
    public void No_stamp_at_all_makes_nothing_fresh()
    {
        Beat(echo: 0);
        Assert.False(_backup.Replica.Local.IsStalenessKnown);
    }

    /// <summary>What was recovered may be days old, and until somebody is heard nothing newer is known.</summary>
    [Fact]
    public void After_a_start_a_replica_is_as_old_as_the_last_write_that_it_holds()
    {
        KeyValueState state = new(StateImage.Empty);
        var writtenAt = _backup.Time.GetUtcNow().AddDays(-2).ToUnixTimeMilliseconds();
        state.Apply(new LogIndex(1), new Term(1), CommandFormat.Encode(Put("k", "v", writtenAt)));

        var local = new ReplicaHarness(image: state.Image).Replica.Local;
        Assert.Equal((TimeSpan.FromDays(2), false), (local.Staleness, local.IsStalenessKnown));
        Assert.True(new ReplicaHarness().Replica.Local.Staleness > TimeSpan.FromDays(10_000));
    }

    [Fact]
    public void A_group_of_one_is_never_stale_once_it_leads()
    {
        var alone = ReplicaHarness.Primary(voters: 1);
        alone.Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(TimeSpan.Zero, alone.Replica.Local.Staleness);
    }

    [Fact]
    public void A_primary_that_was_paused_is_as_old_as_what_its_backup_answered()
    {
        var primary = ReplicaHarness.Primary();
        primary.Tick(2);
        var beat = Last<PeerMessage.Heartbeat>(primary);
        primary.Time.Advance(TimeSpan.FromSeconds(60));
        primary.Receive(2, new PeerMessage.HeartbeatReply(primary.Term, beat.Round, Stamp: 9, Echo: beat.Stamp));

        Assert.Equal(TimeSpan.FromSeconds(60), primary.Replica.Local.Staleness);
    }

    [Fact]
    public void A_primary_echoes_the_last_stamp_of_each_backup_and_forgets_those_of_an_earlier_term()
    {
        var primary = ReplicaHarness.Primary();
        primary.Tick(2);
        var round = Last<PeerMessage.Heartbeat>(primary).Round;
        primary.Receive(2, new PeerMessage.HeartbeatReply(primary.Term, round, Stamp: 500));
        primary.Receive(2, new PeerMessage.HeartbeatReply(primary.Term, round, Stamp: 40));    // it was restarted
        primary.Receive(3, new PeerMessage.HeartbeatReply(primary.Term, round, Stamp: 7));
        primary.Sent.Clear();
        primary.Tick(2);

        Assert.Equal(
            [(2, 40L), (3, 7L)],
            primary.Sent.Where(sent => sent.Message is PeerMessage.Heartbeat)
                .Select(sent => (sent.Peer.Value, ((PeerMessage.Heartbeat)sent.Message).Echo)));
    }

    private static T Last<T>(ReplicaHarness replica)
        where T : PeerMessage => replica.Sent.Select(sent => sent.Message).OfType<T>().Last();

    private TimeSpan Staleness => _backup.Replica.Local.Staleness;

    /// <summary>A heartbeat without anything to go by; what the backup stamps its answer with.</summary>
    private long Ask()
    {
        Beat(echo: 0);
        _backup.Flush();    // its term: nothing is said in one that is not durable
        return Last<PeerMessage.HeartbeatReply>(_backup).Stamp;
    }

    private void Beat(long echo, long freshAt = 0) => _backup.Receive(
        2, new PeerMessage.Heartbeat(Four, default, Round: 1, new LogIndex(freshAt), Stamp: 1, Echo: echo));

    private void Advance(int seconds) => _backup.Time.Advance(TimeSpan.FromSeconds(seconds));
}
