namespace KvStore.Tests.Mutants;

/// <summary>
/// A node around the core that breaks one law of what it does with time, transactions and watches: what of it runs in
/// the simulation as it is, and what of the core is there for it.
/// </summary>
internal static class NodeMutants
{
    private const string Clock = "KvStore.Node/Replication/LogClock.cs";
    private const string History = "KvStore.Node/Replication/ChangeHistory.cs";
    private const string Deals = "KvStore.Node/Transactions/ClusterTransactions.cs";
    private const string Settler = "KvStore.Node/Transactions/TransactionSettler.cs";
    private const string Attempts = "KvStore.Node/Transactions/OpenAttempts.cs";
    private const string Image = "KvStore.Core/State/StateImage.cs";
    private const string State = "KvStore.Core/State/KeyValueState.cs";
    private const string Transactions = "KvStore.Core/State/KeyValueState.Transactions.cs";
    private const string Replica = "KvStore.Tests/Simulation/SimulatedReplica.cs";

    public static Mutant[] Watches { get; } =
    [
        new("28", "a history that begins anew does not say what it lacks", "Lives", 1,
            new Change(
                History,
                "        Volatile.Write(ref _from, Math.Max(_from, at));    // first: who finds nothing asks whether"
                + " that is so\n",
                "")),
        new("28", "what is dropped is not called lost", "Lives", 14,
            new Change(
                History, "        Volatile.Write(ref _from, Math.Max(_from, oldest.Index.Value));\n", "")),
        new("28", "who comes again is told the last command once more", "Lives", 1,
            new Change(History, "found.Index.Value <= index)", "found.Index.Value < index)")),
        new("28", "half of a command is told", "Deals", 2,
            new Change(
                "KvStore.Node/Replication/AppliedChanges.cs",
                "for (var at = 0; at < changes.Count; at++)",
                "for (var at = 0; at < Math.Min(changes.Count, 2); at++)"),
            new Change(
                "KvStore.Node/Replication/AppliedChanges.cs", "applied.MoveToImmutable()", "applied.ToImmutable()")),
    ];

    public static Mutant[] Expiry { get; } =
    [
        new("29", "a new primary takes its own wall clock", "Lives", 1,
            new Change(
                Clock,
                "Ms = Math.Max(stateMs, ExactlyAt(anchor, at))",
                "Ms = Math.Max(stateMs, time.GetUtcNow().ToUnixTimeMilliseconds())")),
        new("29", "the time for which all were down does not count", "Lives", 1,
            new Change(
                Clock,
                "Math.Max(image.TimeMs, time.GetUtcNow().ToUnixTimeMilliseconds())",
                "Math.Max(image.TimeMs, 1)")),
        new("29", "who begins an era does not say so", "Lives", 2,
            new Change(
                "KvStore.Core/Replication/Replica.Primary.cs",
                "AppendToLog(ConfigurationEntry(_firstOfTerm, Configuration.WithEra(Era.BegunIn(Term))));\n"
                + "        Clocks = Clocks.WithBegun(Term);",
                "AppendToLog(ConfigurationEntry(_firstOfTerm, Configuration));\n"
                + "        Clocks = Clocks with\n        {\n"
                + "            Told = Clocks.Told.Add(new ClockReading(Configuration.Era, Clocks.BeginMs, Term)),\n"
                + "        };")),
        new("29", "an era is not told with the entry that begins it", "Lives", 4,
            new Change(
                "KvStore.Core/Replication/Replica.Primary.cs",
                "=> Clocks.Of(Configuration.Era) with { ToldIn = Term };",
                "=> Configuration.Era == Era.BegunIn(Term) && !HasCommittedInTerm\n"
                + "            ? default : Clocks.Of(Configuration.Era) with { ToldIn = Term };")),
        new("29", "an era begins behind what its log holds", "Lives", 2,
            new Change(
                Clock,
                "if (replica.Role != ReplicaRole.Candidate)\n",
                "if (replica.Role != ReplicaRole.Primary)\n")),
        new("29", "a primary follows its wall clock at once", "Lives", 1,
            new Change(Clock, "LargestSlew = 0.001", "LargestSlew = 10")),
        new("29", "what is due is hidden by the reader's own clock", "Lives", 13,
            new Change(
                Image,
                "entry.IsExpiredAt(TimeMs) &&",
                "entry.IsExpiredAt(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()) &&")),
        new("29", "a read hides what is due, and the log does not know", "Lives", 3,
            new Change(
                Replica,
                "            ExpireFirst(ready.Ticket, read.Key);\n",
                "        {\n            if (_callers.Remove(ready.Ticket, out var early))\n"
                + "                early(new Reply.Found(null));\n        }\n")),
        new("29", "nobody tells the log that something is due", "Lives", 48,
            new Change(Replica, "!_isExpiring && Image.NextExpiryMs <= NowMs)", "!_isExpiring && Image.Count < 0)")),
    ];

    public static Mutant[] Settling { get; } =
    [
        new("26", "what a transaction came to is not remembered", "Deals", 1,
            new Change(
                Transactions,
                "            Remember(ref image, prepared!.Client, result, prepared.Fingerprint);\n",
                "")),
        new("32", "it is carried out before it is decided", "Deals", 1,
            new Change(
                Deals,
                "        var (decision, result) = Judge(attempt);\n",
                "        var (decision, result) = Judge(attempt);\n"
                + "        settler.Finish(attempt.Id, plan.Participants, decision);\n")),
        new("32", "the last decision counts", "Deals", 5,
            new Change(
                Transactions,
                "if (image.Transactions.Decided.TryFind(attempt, out var first))",
                "if (image.Transactions.Decided.TryFind(attempt, out var first) && first.Outcome == decide.Outcome)")),
        new("32", "a locked key is written", "Deals", 2,
            new Change(
                State,
                "if (image.IsLocked(bucket, operation.Key))",
                "if (image.IsLocked(bucket, operation.Key) && image.Count < 0)")),
        new("32", "who gives up does not ask the coordinator", "Deals", 5,
            new Change(
                Settler,
                "return OutcomeOf(decided) is { } outcome",
                "return TransactionOutcome.Nothing is var outcome")),
        new("32", "nobody settles what is left open", "Deals", 1,
            new Change(
                Attempts,
                ">= (open.IsDecided ? DecidedPatience : PreparedPatience))",
                "> TimeSpan.MaxValue)")),
    ];

    public static IEnumerable<Mutant> All => [.. Watches, .. Expiry, .. Settling];
}
