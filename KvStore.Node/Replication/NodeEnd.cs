namespace KvStore.Node.Replication;

/// <summary>How a node ends: gracefully when asked, or at once when it may not go on.</summary>
/// <param name="end">Ends the process, saying why.</param>
internal sealed class NodeEnd(Action<string> end) : IDisposable
{
    private readonly CancellationTokenSource _left = new();
    private volatile bool _isStopping;

    /// <summary>The node has been asked to stop; new requests are refused once it leads nothing more.</summary>
    public bool IsStopping
    {
        get => _isStopping;
        set => _isStopping = value;
    }

    /// <summary>
    /// Cancelled once a stopping node has handed over what it led: from then on it hears no peer, so that their links,
    /// which have no end of their own, do not hold it up.
    /// </summary>
    public CancellationToken HasLeft => _left.Token;

    /// <summary>One line and exit code 1, now: nothing may be written or answered after this.</summary>
    public static NodeEnd OfProcess { get; } = new(reason =>
    {
        Console.Error.WriteLine($"KvStore.Node: {reason}");
        Environment.Exit(1);
    });

    /// <summary>All that could be handed over is.</summary>
    public void Leave() => _left.Cancel();

    /// <summary>The node may not go on: a state that is wrong, a log that cannot be trusted, a cluster that is not its own.</summary>
    public void Fail(string reason) => end(reason);

    public void Dispose() => _left.Dispose();
}
