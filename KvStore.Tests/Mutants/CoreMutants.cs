namespace KvStore.Tests.Mutants;

/// <summary>The core with one law broken.</summary>
internal static class CoreMutants
{
    private const string Log = "KvStore.Core/Replication/ReplicaLog.cs";
    private const string Progress = "KvStore.Core/Replication/Progress.cs";
    private const string Step = "KvStore.Core/Replication/Replica.cs";
    private const string Backup = "KvStore.Core/Replication/Replica.Backup.cs";
    private const string Primary = "KvStore.Core/Replication/Replica.Primary.cs";
    private const string Election = "KvStore.Core/Replication/Replica.Election.cs";
    private const string Durability = "KvStore.Core/Replication/Replica.Durability.cs";
    private const string Reads = "KvStore.Core/Replication/Replica.Reads.cs";
    private const string Transfer = "KvStore.Core/Replication/Replica.Transfer.cs";
    private const string Changes = "KvStore.Core/Replication/Replica.Configuration.cs";
    private const string History = "KvStore.Core/Replication/ConfigurationHistory.cs";
    private const string Group = "KvStore.Core/Replication/GroupConfiguration.cs";
    private const string Plan = "KvStore.Core/Replication/ConfigurationPlan.cs";
    private const string State = "KvStore.Core/State/KeyValueState.cs";
    private const string Operations = "KvStore.Core/State/KeyValueState.Operations.cs";
    private const string Claims = "KvStore.Core/Primitives/Invariant.cs";

    public static Mutant[] Commit { get; } =
    [
        new("1", "a backup acknowledges before its flush", "Harsh", 1,
            new Change(Backup, "if (index <= FlushedIndex)", "if (index <= _log.LastIndex)")),
        new("1", "a primary counts its own copy before its flush", "Harsh", 3,
            new Change(Primary, "FlushedIndex : _backups[voter].Match", "_log.LastIndex : _backups[voter].Match")),
        new("1", "a flush vouches for what replaced its entries", "Unsteady", 16,
            new Change(
                Durability,
                "LastIndex = LogIndex.Min(flush.LastIndex, index - 1)",
                "LastIndex = flush.LastIndex")),
        new("2", "a vote is told before it is flushed", "Harsh", 1,
            new Change(Durability, "SendWhen(IsHardStateFlushed, to, message)", "SendWhen(true, to, message)")),
        new("3", "an entry of an earlier term is committed by its copies alone", "Harsh", 3,
            new Change(Primary, "reached <= CommitIndex || _log.TermAt(reached) != Term", "reached <= CommitIndex")),
        new("3", "half of the voters are a majority", "Harsh", 1,
            new Change("KvStore.Core/Replication/Quorum.cs", "voters / 2 + 1", "(voters + 1) / 2")),
        new("4", "the longer log counts as the more complete one", "Unsteady", 151,
            new Change(
                Log,
                "lastTerm > LastTerm || (lastTerm == LastTerm && lastIndex >= LastIndex)",
                "lastIndex >= LastIndex")),
        new("4", "of two logs that end in one term the shorter one is as complete", "Harsh", 3,
            new Change(
                Log,
                "lastTerm > LastTerm || (lastTerm == LastTerm && lastIndex >= LastIndex)",
                "lastTerm >= LastTerm")),
        new("5", "a backup truncates where nothing differs", "Harsh", 3,
            new Change(Backup, "if (term == entry.Term)", "if (term == entry.Term && entry.Index <= CommitIndex)")),
        new("5", "a heartbeat announces a commit beyond the match", "Harsh", 1,
            new Change(Primary, "LogIndex.Min(backup.Match, CommitIndex)", "CommitIndex")),
        // What a primary sends first already ends where the logs differ, unless it begins anew behind its match.
        new("5", "a backup commits beyond what the message shows to agree", "Passing", 80,
            new Change(
                Backup, "LogIndex.Min(request.Commit, last)", "LogIndex.Min(request.Commit, _log.LastIndex)"),
            new Change(
                Progress, "LogIndex.Max(LogIndex.Min(refused, agreeing.Next()), Match.Next())", "Match.Next()")),
        new("6", "entries are handed out when flushed, not when committed", "Harsh", 1,
            new Change(Step, "while (_handedOut < CommitIndex)", "while (_handedOut < FlushedIndex)")),
    ];

    public static Mutant[] Leadership { get; } =
    [
        new("7", "a vote is given twice in a term", "Harsh", 2,
            new Change(
                Election,
                "var mayVote = _hardState.Vote == from || (_hardState.Vote == NodeId.None && Primary == NodeId.None);",
                "var mayVote = true;"),
            new Change(
                Election, "Remember(new HardState(Term, from));", "_hardState = new HardState(Term, from);")),
        new("7", "a candidate wins with a vote too few", "Harsh", 1,
            new Change(Election, "count >= Configuration.Majority", "count >= Configuration.Majority - 1")),
        new("7", "a primary of an earlier term may still append", "Harsh", 6,
            new Change(
                Step,
                "if (message.Term < Term)",
                "if (message.Term < Term && message is not PeerMessage.AppendRequest)")),
        new("8", "reads are confirmed before the first commit of the term", "Harsh", 4,
            new Change(Reads, "if (HasCommittedInTerm)", "if (Term > Term.Zero)")),
        new("8", "a change is begun before the first commit of the term", "Orders", 1,
            new Change(Changes, "&& !IsTransferring && HasCommittedInTerm", "&& !IsTransferring")),
        new("9", "a round begun before the read arrived confirms it", "Frozen", 1,
            new Change(
                Reads,
                "_reads.Enqueue((ticket, _round, CommitIndex))",
                "_reads.Enqueue((ticket, _round - 1, CommitIndex))")),
        new("10", "any answer stands for the latest round", "Frozen", 6,
            new Change(Primary, "Math.Max(backup.Round, reply.Round)", "_round")),
        // Rounds are never counted anew while a process lives, so an old answer does no harm unless they are.
        new("10", "a heartbeat reply of an earlier term confirms a read", "Passing", 4,
            new Change(
                Step,
                "if (message.Term < Term)",
                "if (message.Term < Term && message is not PeerMessage.HeartbeatReply)"),
            new Change(
                Primary,
                "        Primary = _options.Self;\n",
                "        Primary = _options.Self;\n        _round = 0;\n")),
        new("10", "waiting reads are kept when leadership is lost", "Frozen", 1,
            new Change(Primary, "        RefuseReads();\n", "")),
    ];

    public static Mutant[] Membership { get; } =
    [
        new("12", "two changes are under way at once", "Restless", 25,
            new Change(
                Changes,
                "HasCommittedInTerm\n        && _configurations.LastChange <= CommitIndex",
                "HasCommittedInTerm")),
        new("12", "two voters come or go in one step", "Orders", 2,
            new Change(Group, "come.Count + gone <= 1", "come.Count + gone <= 2")),
        new("12", "a configuration is in force only when committed", "Restless", 4,
            new Change(Changes, "=> _configurations.Current;", "=> _configurations.At(CommitIndex);"),
            new Change(
                Primary,
                "        if (_isRoundDue)\n            StartRound();",
                "        FollowConfiguration(_log.LastIndex.Next());\n        if (_isRoundDue)\n           "
                + " StartRound();")),
        new("12", "a truncated configuration stays in force", "Restless", 38,
            new Change(Durability, "        _configurations.TruncateFrom(index);\n", "")),
        new("13", "learners' copies count", "Restless", 3,
            new Change(Primary, "        var voters = Voters;\n", "        var voters = Configuration.Members;\n")),
        new("13", "learners' votes count", "Orders", 30,
            new Change(
                Election,
                "foreach (var voter in Voters)\n            count +=",
                "foreach (var voter in Configuration.Members)\n            count +="),
            new Change(
                Election,
                "foreach (var voter in Voters)\n        {\n            if (voter != _options.Self)",
                "foreach (var voter in Configuration.Members)\n        {\n            if (voter != _options.Self)")),
        new("13", "a learner that lags is made a voter", "Restless", 1,
            new Change(
                Changes,
                "        && backup is { IsActive: true, State: ProgressState.Replicate }\n"
                + "        && CommitIndex - backup.Match <= _options.CaughtUpEntries;",
                "        && backup is not null;")),
        new("16", "any set may follow any other", "Orders", 33,
            new Change(Changes, "&& Configuration.IsOneStepTo(next)", "")),
        new("16", "voters go before their successors are in", "Restless", 1,
            new Change(Plan, "        if (!learners.IsEmpty)\n            return null;\n", "")),
        new("17", "who is behind is asked to take over", "Harsh", 27,
            new Change(Transfer, "&& backup.Match == _log.LastIndex", "")),
        new("17", "proposals are taken while handing over", "Harsh", 14,
            new Change(Primary, "Role != ReplicaRole.Primary || IsTransferring", "Role != ReplicaRole.Primary")),
        new("17", "a primary removes itself", "Restless", 4,
            new Change(Changes, "&& next.Voters.Contains(_options.Self)", "")),
        new("19", "a snapshot comes without its configuration", "Restless", 4,
            new Change(
                Durability,
                "_configurations.RestartAt(snapshot.Configuration)",
                "_configurations.RestartAt(Configuration)")),
        new("19", "compaction forgets who kept the log before it", "Restless", 2,
            new Change(History, "        _atStart = At(index);\n", "")),
    ];

    public static Mutant[] StateAndProcess { get; } =
    [
        new("18", "a snapshot replaces the log and not the state", "Harsh", 1,
            new Change(Backup, "                _effects.Restore = snapshot;\n", "")),
        new("24", "apply reads a clock", "Usual", 1,
            new Change(
                State, "_image.At(command.TimeMs,", "_image.At(System.Diagnostics.Stopwatch.GetTimestamp(),")),
        new("24", "apply remembers how often it was asked since the start", "Harsh", 1,
            new Change(State, "_image.At(command.TimeMs,", "_image.At(command.TimeMs + _asked++,"),
            new Change(
                State,
                "    private StateImage _image = image",
                "    private int _asked;\n    private StateImage _image = image")),
        new("26", "a retry is applied again", "Harsh", 3,
            new Change(
                State,
                "if (now.Requests.TryFind(id, out var known))",
                "if (now.Requests.TryFind(id, out var known) && known.Index == index)")),
        new("26", "an id is forgotten within its window", "Harsh", 4,
            new Change(
                "KvStore.Core/State/RequestMemory.cs",
                "ClientWindowMs { get; init; } = 10 * 60 * 1000",
                "ClientWindowMs { get; init; } = 1")),
        new("26", "a restored state has forgotten its requests", "Harsh", 1,
            new Change(State, "StateImage _image = image", "StateImage _image = image.WithoutRequests()"),
            new Change(
                "KvStore.Core/State/StateImage.cs",
                "    internal StateImage Remembering",
                "    internal StateImage WithoutRequests() => new(this) { Requests = RememberedRequests.None };\n\n"
                + "    internal StateImage Remembering")),
        new("26", "an id that was forgotten is taken for a new one", "Forgetful", 6,
            new Change(
                State, "now.Requests.MayHaveForgotten(id) ?", "now.Requests.MayHaveForgotten(id) && now.Count < 0 ?")),
        new("26", "the horizon falls back to an earlier id's time", "Forgetful", 38,
            new Change(
                "KvStore.Core/State/RememberedRequests.cs",
                "horizonMs = Math.Max(horizonMs, id.TimeMs)",
                "horizonMs = id.TimeMs")),
        new("27", "a version stays when the value is replaced", "Usual", 1,
            new Change(
                Operations,
                "CreatedMs = replaced?.CreatedMs ?? image.TimeMs,",
                "CreatedMs = image.TimeMs, Version = replaced?.Version ?? entry.Version,")),
        new("27", "versions count from one again after a delete", "Usual", 1,
            new Change(
                Operations,
                "CreatedMs = replaced?.CreatedMs ?? image.TimeMs,",
                "CreatedMs = image.TimeMs, Version = new KeyVersion(new Term(1),"
                + " new LogIndex((replaced?.Version.Index.Value ?? 0) + 1)),")),
        new("33", "a broken invariant stops nobody", "Usual", 1,
            new Change(Claims, "if (!claim)", "if (!claim && text is null)")),
        new("34", "the core draws from a source that is not its own", "Twice", 1,
            new Change(Election, "_electionTimeout = _random.Next(", "_electionTimeout = Random.Shared.Next(")),
        new("34", "one replica draws what another has not drawn", "Twice", 2,
            new Change(
                Election,
                "_electionTimeout = _random.Next(",
                "_electionTimeout = (_draws++ % 3) + _random.Next("),
            new Change(
                Election,
                "    private int _electionTimeout;\n",
                "    private int _electionTimeout;\n    private static int _draws;\n")),
        new("B8", "who hears its primary supports another one", "SilentCutOff", 7,
            new Change(Election, "{ IsTransfer: false } when", "{ IsTransfer: false, IsPreVote: false } when")),
        new("B8", "no pre-votes: who is cut off raises its term again and again", "CutOff", 1,
            new Change(
                Election,
                "&& IsVoter)\n            BecomePreCandidate();",
                "&& IsVoter)\n            BecomeCandidate(isTransfer: false);")),
        new("B8", "a primary stays in office although nobody answers", "CutOff", 1,
            new Change(Primary, "if (active < Configuration.Majority)", "if (active < 0)")),
    ];

    public static IEnumerable<Mutant> All => [.. Commit, .. Leadership, .. Membership, .. StateAndProcess];
}
