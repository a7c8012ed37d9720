using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Tests.Simulation;
using Microsoft.Extensions.Time.Testing;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Node.Replication;

/// <summary>Attack on e7f3453: real PartitionReplicas, carried by hand.</summary>
public sealed class GroupTimeTests(ITestOutputHelper output)
{
    private const long Minute = 60_000;
    private const long Hour = 60 * Minute;
    private readonly World _world = new();

    /// <summary>Base case: what the design promises. No loss of the first messages.</summary>
    [Fact]
    public void Control_one_restart_and_voters_that_know()
    {
        var (one, two, three) = Begun();
        two.Time.Skew = TimeSpan.FromHours(+1);
        one.IsCut = true;
        Elect(two);
        Settle();
        one.IsCut = false;
        Settle();
        two.Restart();
        _world.Mail.Clear();
        Elect(two);
        Settle();
        Beat(two, 10);
        Tell("control", two);
        Assert.NotNull(two.Find("k"));
    }

    /// <summary>
    /// One process of three is restarted, once. The other two were never restarted and know the time. The one had been
    /// elected, and what it said as primary was lost; only its own empty entry is on its disk.
    /// </summary>
    [Theory, InlineData(+1), InlineData(0)]
    public void A_single_restart_begins_the_time_anew_though_two_of_three_know_it(int wallHours)
    {
        var (one, two, three) = Begun();
        two.Time.Skew = TimeSpan.FromHours(wallHours);
        one.IsCut = true;
        Elect(two, cutWhenPrimary: true);    // n3 voted; then n2 is cut off before a word of it arrives
        Assert.Equal(ReplicaRole.Primary, two.Replica.Role);
        two.Flush();    // its first entry is on its disk
        Settle();
        Assert.Equal(new LogIndex(one.LastIndex.Value + 1), two.LastIndex);
        two.Restart();
        one.IsCut = false;
        two.IsCut = false;
        _world.Mail.Clear();
        Elect(two);
        Settle();
        Beat(two, 10);
        Tell($"wall of n2 {wallHours:+0;-0;0} h", two);
        Assert.NotNull(two.Find("k"));
        Assert.InRange(two.Replica.NowMs - _world.TrueMs, -1000, 1000);
    }

    /// <summary>
    /// n1 was cut off for a moment while n3 took over and went on with the time; then n2 is restarted, and n3 dies. n1
    /// was never restarted, knows the time, and is heard: it is the one whose vote elects n2.
    /// </summary>
    [Fact]
    public void A_single_restart_beside_a_voter_that_was_cut_off_begins_the_time_anew()
    {
        var (one, two, three) = Begun();
        two.Time.Skew = TimeSpan.FromHours(+1);
        one.IsCut = true;
        Elect(three);
        Settle();
        Beat(three, 10);
        Assert.InRange(three.Replica.NowMs - _world.TrueMs, -10, 10);
        three.IsCut = true;
        _world.Mail.Clear();
        two.Restart();
        one.IsCut = false;
        one.Tick(25);    // it hears nobody, and is in office no longer
        _world.Mail.Clear();
        Assert.NotEqual(ReplicaRole.Primary, one.Replica.Role);
        Elect(two);
        Settle();
        Beat(two, 10);
        Tell("n2 restarted, n3 dead, n1 knows", two);
        Assert.NotNull(two.Find("k"));
    }

    /// <summary>The same, with nothing made up: both stand for election, every message is one that they sent.</summary>
    [Fact]
    public void Without_any_restart_all_messages_real()
    {
        var (one, two, three) = Begun();
        two.Time.Skew = TimeSpan.FromHours(+1);
        one.IsCut = true;
        Stand(two);    // its vote requests are delivered, the replies wait
        var votes = _world.Take(to: 2);

        // n3 loses patience; n2, a candidate that hears nobody, grants its pre-vote; n3 stands for the next term
        for (var tick = 0; three.Replica.Role == ReplicaRole.Backup && tick < 100; tick++)
            three.Tick();
        var asked = _world.Take(to: 2);
        foreach (var mail in asked)
            two.Receive(mail);
        foreach (var mail in _world.Take(to: 3))
            three.Receive(mail);
        Assert.Equal(ReplicaRole.Candidate, three.Replica.Role);
        three.Flush();
        var standing = _world.Take(to: 2);
        Assert.Contains(standing, mail => mail.Message is PeerMessage.VoteRequest { IsPreVote: false });

        // n2 gets its own election's votes; its vote request of before comes to n3 a second time (a link that broke)
        three.Receive(new Mail(new NodeId(2), new NodeId(3), two.LastRequest!));
        var fences = _world.Take(to: 2);
        Assert.Contains(fences, mail => mail.Message is PeerMessage.VoteReply { IsGranted: false });
        foreach (var mail in votes.Concat(fences))
            two.Replica.Add(new Input.Receive(mail.From, mail.Message));
        two.Carry();
        Assert.Equal(ReplicaRole.Backup, two.Replica.Role);
        two.Flush();
        _world.Mail.Clear();
        output.WriteLine($"n2 {two.Replica.Role} term {two.Term} last {two.LastIndex} of term {two.Replica.Replica.LastTerm}");

        Elect(two);
        Settle();
        Beat(two, 10);
        Tell("no restart, real messages", two);
        Assert.NotNull(two.Find("k"));
    }

    /// <summary>
    /// A backup takes an entry of term t and learns of term t+1 in one batch: what it was told with the entry is
    /// dropped, what it knew is void.
    /// </summary>
    [Fact]
    public void A_backup_that_hears_of_a_later_term_in_the_same_batch_forgets_the_time()
    {
        ReplicaHarness backup = new();
        backup.Receive(2, new PeerMessage.AppendRequest(
            new Term(1), default, default, [new LogEntry(new LogIndex(1), new Term(1), EntryKind.Empty, default)], default, new GroupTime(Hour, Term.Zero)));
        backup.Flush();
        backup.Replica.Add(new Input.Receive(new NodeId(3), new PeerMessage.AppendRequest(
            new Term(2), new LogIndex(1), new Term(1),
            [new LogEntry(new LogIndex(2), new Term(2), EntryKind.Empty, default)], default,
            new GroupTime(Hour + 10, Term.Zero))));
        backup.Replica.Add(new Input.Receive(
            new NodeId(2), new PeerMessage.AppendReply(new Term(3), false, default, default, default)));
        backup.Carry();
        backup.Flush();
        Assert.Equal(2, backup.LastIndex.Value);    // it took the entry, and has it on its disk
        backup.Receive(2, new PeerMessage.VoteRequest(new Term(4), new LogIndex(9), new Term(3), true, false));
        var told = backup.Sent.Select(sent => sent.Message).OfType<PeerMessage.VoteReply>().Last();
        output.WriteLine($"{told}; by its own clock it is {backup.Replica.NowMs}");
        Assert.InRange(told.Time.Ms, Hour, Hour + 10);
    }

    private void Tell(string what, Peer primary)
    {
        output.WriteLine($"{what}: {primary.Replica.Role} of term {primary.Term}, group clock - true time = "
            + $"{primary.Replica.NowMs - _world.TrueMs} ms; k (ttl 30 min, {(_world.TrueMs - _world.WrittenMs) / 1000.0:F1} s old): "
            + $"{primary.Find("k") ?? "GONE"}");
        foreach (var peer in _world.Peers)
            output.WriteLine($"  n{peer.Id} {peer.Replica.Role} term {peer.Term} now {peer.Replica.NowMs - _world.TrueMs:+0;-0;0} ms");
    }

    /// <summary>n1 leads, has committed k with half an hour to live, and everybody was told the time.</summary>
    private (Peer One, Peer Two, Peer Three) Begun()
    {
        var (one, two, three) = (_world.Peers[0], _world.Peers[1], _world.Peers[2]);
        Elect(one);
        Settle();
        var put = Put("k", "v", ttl: Ttl.After(30 * Minute)) with { TimeMs = one.Replica.NowMs };
        one.Write(put);
        _world.WrittenMs = _world.TrueMs;
        Settle();
        Beat(one, 6);
        Assert.All(_world.Peers, peer => Assert.Equal("v", peer.Find("k")));
        Assert.All(_world.Peers, peer => Assert.InRange(peer.Replica.NowMs - _world.TrueMs, -500, 500));
        return (one, two, three);
    }

    private void Beat(Peer primary, int ticks)
    {
        for (var tick = 0; tick < ticks; tick++)
        {
            primary.Tick();
            Settle();
        }
    }

    private void Settle()
    {
        for (var round = 0; round < 50; round++)
        {
            foreach (var peer in _world.Peers)
                peer.Flush();
            if (_world.Mail.Count == 0)
                return;
            foreach (var mail in _world.Take())
                _world.Peers[mail.To.Value - 1].Receive(mail);
        }
    }

    /// <summary>Ticks this one until it stands, delivers what it asks, leaves the answers to its vote requests.</summary>
    private void Stand(Peer peer)
    {
        // the others have lost patience, too, or they would deny their votes
        foreach (var other in _world.Peers.Where(other => other != peer))
            other.LosePatience();
        for (var tick = 0; peer.Replica.Role == ReplicaRole.Backup && tick < 100; tick++)
            peer.Tick();
        for (var round = 0; round < 6 && peer.Replica.Role == ReplicaRole.PreCandidate; round++)
        {
            foreach (var mail in _world.Take())
                _world.Peers[mail.To.Value - 1].Receive(mail);
        }

        Assert.Equal(ReplicaRole.Candidate, peer.Replica.Role);
        _world.Mail.Clear();
        peer.Flush();
        foreach (var mail in _world.Take())
        {
            _world.Peers[mail.To.Value - 1].Receive(mail);
            _world.Peers[mail.To.Value - 1].Flush();
        }
    }

    private void Elect(Peer peer, bool cutWhenPrimary = false)
    {
        Stand(peer);
        foreach (var mail in _world.Take(to: peer.Id))
        {
            if (cutWhenPrimary)
                peer.IsCut = false;
            peer.Receive(mail);
        }

        if (cutWhenPrimary)
        {
            peer.IsCut = true;
            _world.Mail.RemoveAll(mail => mail.From.Value == peer.Id);
        }

        Assert.Equal(ReplicaRole.Primary, peer.Replica.Role);
    }

    internal sealed record Mail(NodeId From, NodeId To, PeerMessage Message);

    internal sealed class World
    {
        private readonly FakeTimeProvider _true = new(new DateTimeOffset(2026, 5, 1, 0, 0, 0, TimeSpan.Zero));

        public World() => Peers = [.. Enumerable.Range(1, 3).Select(id => new Peer(this, id, new MachineTime(_true)))];

        public Peer[] Peers { get; }

        public List<Mail> Mail { get; } = [];

        public long TrueMs => _true.GetUtcNow().ToUnixTimeMilliseconds();

        public long WrittenMs { get; set; }

        public void Pass(int ms) => _true.Advance(TimeSpan.FromMilliseconds(ms));

        public List<Mail> Take(int? to = null)
        {
            var taken = Mail.Where(mail => to is null || mail.To.Value == to).ToList();
            Mail.RemoveAll(taken.Contains);
            return [.. taken.Where(mail => !Peers[mail.To.Value - 1].IsCut)];
        }
    }

    internal sealed class MachineTime(FakeTimeProvider time) : TimeProvider
    {
        public TimeSpan Skew { get; set; }

        public override long TimestampFrequency => time.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => time.GetUtcNow() + Skew;

        public override long GetTimestamp() => time.GetTimestamp();
    }

    /// <summary>One process with its disk.</summary>
    internal sealed class Peer
    {
        private readonly World _world;
        private readonly DurableReplica _disk = new();
        private readonly List<Persist> _unflushed = [];
        private int _life;

        public Peer(World world, int id, MachineTime time)
        {
            (_world, Id, Time) = (world, id, time);
            Replica = Recover();
        }

        public int Id { get; }

        public MachineTime Time { get; }

        public bool IsCut { get; set; }

        public PeerMessage? LastRequest { get; private set; }

        public PartitionReplica Replica { get; private set; }

        public Term Term => Replica.Replica.Term;

        public LogIndex LastIndex => Replica.Replica.LastIndex;

        public void Restart()
        {
            _unflushed.Clear();
            _life++;
            Replica = Recover();
        }

        public void LosePatience()
        {
            for (var tick = 0; tick < 10; tick++)
            {
                if (Replica.Role == ReplicaRole.Backup)
                    Replica.Replica.Step([new Input.Tick()], new Effects());
            }
        }

        public void Tick(int count = 1)
        {
            for (var tick = 0; tick < count; tick++)
            {
                _world.Pass(50);
                Replica.Tick();
                Carry();
            }
        }

        public void Receive(Mail mail)
        {
            Replica.Add(new Input.Receive(mail.From, mail.Message));
            Carry();
        }

        public PendingWrite Write(Command command)
        {
            PendingWrite write = new(CommandFormat.Encode(command), command, Ack.Quorum);
            Replica.Add(write);
            Carry();
            return write;
        }

        public void Flush()
        {
            if (_unflushed.Count == 0)
                return;
            foreach (var persist in _unflushed)
            {
                _disk.Apply(persist);
                Replica.Add(new Input.Persisted(persist.Number));
            }

            _unflushed.Clear();
            Carry();
        }

        public string? Find(string key) => Replica.Image.Find(BucketId.Default, Encoding.UTF8.GetBytes(key)) is { } entry
            ? Encoding.UTF8.GetString(entry.Value.Span)
            : null;

        public void Carry()
        {
            Replica.Step();
            _unflushed.AddRange(Replica.Effects.Persist);
            foreach (var envelope in Replica.Effects.Send)
            {
                if (envelope.Message is PeerMessage.VoteRequest { IsPreVote: false } request)
                    LastRequest = request;
                if (!IsCut)
                    _world.Mail.Add(new Mail(new NodeId(Id), envelope.Peer, envelope.Message));
            }

            Replica.Finish();
        }

        private PartitionReplica Recover()
        {
            var options = new ReplicaOptions
            {
                Partition = new PartitionId(5),
                Self = new NodeId(Id),
                Voters = [new NodeId(1), new NodeId(2), new NodeId(3)],
            };
            return new PartitionReplica(
                options.Partition,
                new Replica(options, _disk.Recover(), new Random(Id + (10 * _life))),
                new KeyValueState(_disk.State),
                LogIndex.Zero,
                Time);
        }
    }
}
