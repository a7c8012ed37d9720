namespace KvStore.Tests.Mutants;

/// <summary>A host around the core that breaks one law: the simulated one, with the core as it is.</summary>
internal static class HostMutants
{
    private const string Disk = "KvStore.Tests/Simulation/SimulatedDisk.cs";
    private const string Node = "KvStore.Tests/Simulation/SimulatedNode.cs";
    private const string Replica = "KvStore.Tests/Simulation/SimulatedReplica.cs";
    private const string Durable = "KvStore.Tests/Simulation/DurableReplica.cs";
    private const string Members = "KvStore.Tests/Simulation/Placement.cs";
    private const string Ask = "        Ticket ticket = new(++_lastTicket);\n";
    private const string Waiting = "waiting.Term == entry.Term ? new Reply.Written(result) : new Reply.Unknown()";

    private const string Unconfirmed =
        "request.Command is null)\n        {\n"
        + "            reply(new Reply.Found(_state.Image.Find(BucketId.Default, request.Key.Span)));\n"
        + "            return;\n        }\n\n";

    public static IEnumerable<Mutant> All { get; } =
    [
        new("1", "an append is reported flushed before it is", "Harsh", 1,
            new Change(Node, "=> _disk.Append(persist);", "{ _disk.Append(persist); Flushed(persist); }\n"
                + "    private void Flushed(Persist persist) => Schedule(0, () =>\n"
                + "        _replicas[persist.Partition.Value].Post(new Input.Persisted(persist.Number)));"),
            new Change(
                Node, "=>\n        Run(() => _replicas[group.Value].Post(new Input.Persisted(number)));", "{ }")),
        new("1", "the last flushed entry is gone after a crash", "Harsh", 1,
            new Change(Durable, "?? Term.Zero, [.. _entries])", "?? Term.Zero, [.. _entries.SkipLast(1)])")),
        new("2", "a vote is gone after a crash", "Harsh", 4,
            new Change(
                Durable,
                "new(HardState, SnapshotIndex",
                "new(HardState with { Vote = NodeId.None }, SnapshotIndex"),
            new Change(
                Durable,
                "using KvStore.Core.State;\n",
                "using KvStore.Core.State;\nusing KvStore.Core.Primitives;\n")),
        new("6", "a write is answered when it is appended", "Harsh", 1,
            new Change(
                Replica,
                "        _appended.Add(accepted.Index.Value, (accepted.Term, reply!));",
                "        reply!(new Reply.Written(new WriteResult("
                + "WriteStatus.Created, new KeyVersion(accepted.Term, accepted.Index), false)));")),
        new("9", "a read is answered by who believes to be primary", "Harsh", 3,
            new Change(Replica, Ask, "        if (Core.Role == ReplicaRole.Primary && " + Unconfirmed + Ask)),
        new("14", "a lost disk's owner comes back as the member that it was", "LostDisks", 1,
            new Change(Members, "        var heir = world.AddNode();", "        var heir = lost;"),
            new Change(Node, "        IsGone = true;\n", "        _disk.Lose();\n"),
            new Change(
                Disk, "    private void StartFlush()", "    public void Lose()\n    {\n"
                + "        for (var at = 0; at < _replicas.Length; at++)\n"
                + "            _replicas[at] = new DurableReplica();\n    }\n\n"
                + "    private void StartFlush()")),
        new("23", "a state stays when a snapshot replaces it", "Harsh", 1,
            new Change(Replica, "        _state = new KeyValueState(snapshot.State, _node.World.Swarm.Memory);\n", "")),
        new("25", "what was appended is called not applied when leadership is lost", "Frozen", 6,
            new Change(
                Replica,
                "        foreach (var refused in _effects.Refused)\n            OnRefused(refused);\n",
                "        foreach (var refused in _effects.Refused)\n            OnRefused(refused);\n"
                + "        if (Core.Role == ReplicaRole.Primary)\n            return;\n"
                + "        foreach (var waiting in _appended.Values)\n"
                + "            waiting.Reply(new Reply.Rejected(Core.Primary));\n        _appended.Clear();\n")),
        new("25", "a write is called done when another took its place", "Unsteady", 27,
            new Change(Replica, Waiting, "new Reply.Written(result)")),
        new("26", "a retry is proposed without its id", "Harsh", 3,
            new Change(Replica, "{ TimeMs = NowMs }", "{ TimeMs = NowMs, RequestId = null }")),
        new("30", "a read is answered from any copy, however old", "Harsh", 3,
            new Change(Replica, Ask, "        if (" + Unconfirmed + Ask)),
    ];
}
