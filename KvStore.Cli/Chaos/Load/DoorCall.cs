namespace KvStore.Cli.Chaos.Load;

/// <summary>One request through the balancer.</summary>
/// <param name="Key">Whose key it named.</param>
/// <param name="EndedAt">When it was over, on the stopwatch.</param>
/// <param name="Took">How long it took.</param>
/// <param name="Status">The code of the answer; 0 when there was none.</param>
/// <param name="IsRefused">Whether it came to nothing.</param>
internal sealed record DoorCall(string Key, long EndedAt, TimeSpan Took, int Status, bool IsRefused);
