namespace KvStore.Verification;

/// <summary>
/// Judges what a watcher was told by what those were told who wrote: of each key every write once, in the order of its
/// versions, and nothing else. What came before a cut may come again after it, unchanged.
/// </summary>
/// <param name="isWhole">Whether the watcher was never told that it has missed something.</param>
public sealed class WatchChecker(bool isWhole)
{
    /// <summary>Judges the events in the order in which they came.</summary>
    /// <param name="history">All that was done to the keys while they were watched.</param>
    /// <param name="events">Of these keys, until nothing more was to come.</param>
    /// <returns>What is wrong, a sentence each.</returns>
    public IReadOnlyList<string> Judge(
        IEnumerable<HistoryOperation> history, IEnumerable<WatchedEvent> events)
    {
        ArgumentNullException.ThrowIfNull(history);
        ArgumentNullException.ThrowIfNull(events);
        var writes = history
            .Where(operation => operation is { IsWrite: true, Result: OperationResult.Ok or OperationResult.Unknown })
            .SelectMany(operation => StepsOf(operation).Select(step => (Step: step, operation.Result)))
            .Where(write => write.Step.IsWrite)
            .ToLookup(write => write.Step.Key, StringComparer.Ordinal);
        var told = events.ToLookup(change => change.Key, StringComparer.Ordinal);
        List<string> wrong = [];
        foreach (var key in told.Select(key => key.Key).Union(writes.Select(key => key.Key), StringComparer.Ordinal))
        {
            var distinct = InOrder(key, [.. told[key]], wrong);
            Compare(key, distinct, [.. writes[key]], wrong);
        }

        return wrong;
    }

    private static IEnumerable<OperationStep> StepsOf(HistoryOperation operation) =>
        operation is { Op: OperationKind.Txn, Result: OperationResult.Unknown }
            ? (operation.Ops ?? []).Concat(operation.Else ?? [])
            : ToldSteps.Of(operation);

    /// <summary>The events without those that came again.</summary>
    private static List<WatchedEvent> InOrder(string key, WatchedEvent[] events, List<string> wrong)
    {
        List<WatchedEvent> distinct = [];
        for (var at = 0; at < events.Length; at++)
        {
            var change = events[at];
            if (distinct.Count == 0 || change.Version > distinct[^1].Version)
            {
                distinct.Add(change);
                continue;
            }

            var isInOrder = events[at - 1] is var last
                && (last.Stream < change.Stream || last.Version < change.Version);
            var isAgain = distinct.Exists(earlier =>
                earlier.Stream < change.Stream && earlier with { Stream = change.Stream } == change);
            if (!isInOrder || !isAgain)
                wrong.Add($"The watch of '{key}' told {change} after {distinct[^1]}.");
        }

        return distinct;
    }

    private void Compare(
        string key,
        List<WatchedEvent> events,
        List<(OperationStep Step, OperationResult Result)> writes,
        List<string> wrong)
    {
        var puts = events.FindAll(change => change.Kind == "put");
        var deletes = events.FindAll(change => change.Kind == "delete");
        if (puts.Count + deletes.Count < events.Count)
            wrong.Add($"The watch of '{key}' told that something else happened than a put or a delete.");
        foreach (var (step, _) in writes.FindAll(write =>
            write.Result == OperationResult.Ok && write.Step is { Etag: not null, Op: not OperationKind.Delete }))
        {
            var at = puts.FindIndex(change => change.Etag == step.Etag);
            if (at < 0 && isWhole)
                wrong.Add($"The watch of '{key}' never told the version {step.Etag} that was written: '{step.Value}'.");
            else if (at >= 0 && puts[at].Value != step.Value)
                wrong.Add($"The watch of '{key}' told {puts[at]}, and '{step.Value}' was written.");
            if (at >= 0)
                puts.RemoveAt(at);
        }

        var unknown = writes.FindAll(write => write.Result == OperationResult.Unknown);
        foreach (var change in puts)
        {
            var at = unknown.FindIndex(write => write.Step.Op == OperationKind.Put && write.Step.Value == change.Value);
            at = at >= 0 ? at : unknown.FindIndex(write => write.Step.Op == OperationKind.Increment);
            if (at < 0)
                wrong.Add($"The watch of '{key}' told {change}, which nobody wrote.");
            else
                unknown.RemoveAt(at);
        }

        var known = writes.Count(write => write is
        { Result: OperationResult.Ok, Step: { Op: OperationKind.Delete, Found: not false } });
        var most = known + unknown.Count(write => write.Step.Op == OperationKind.Delete);
        if (deletes.Count > most || (isWhole && deletes.Count < known))
            wrong.Add($"The watch of '{key}' told {deletes.Count} deletes; {known} to {most} were done.");
    }
}
