namespace KvStore.Node.Replication;

/// <summary>How a node ends: gracefully when asked, or at once when it may not go on.</summary>
/// <param name="end">Ends the process, saying why.</param>
internal sealed class NodeEnd(Action<string> end) : IDisposable
{
    private readonly CancellationTokenSource _linksEnd = new();
    private volatile bool _isStopping;

    /// <summary>
    /// The node has been asked to stop: others should turn elsewhere, and it hands over what it leads.
    /// </summary>
    public bool IsStopping
    {
        get => _isStopping;
        set => _isStopping = value;
    }

    /// <summary>
    /// Cancelled when the node leads nothing more, or has given up handing over: the links that others have opened to
    /// it, which have no end of their own, may be ended then.
    /// </summary>
    public CancellationToken LinksEnd => _linksEnd.Token;

    /// <summary>Ends the links of others.</summary>
    public void EndLinks() => _linksEnd.Cancel();

    /// <summary>One line and exit code 1, now: nothing may be written or answered after this.</summary>
    public static NodeEnd OfProcess { get; } = new(reason =>
    {
        Console.Error.WriteLine($"KvStore.Node: {reason}");
        Environment.Exit(1);
    });

    /// <inheritdoc/>
    public void Dispose() => _linksEnd.Dispose();

    /// <summary>
    /// The node may not go on: a state that is wrong, a log that cannot be trusted, a cluster that is not its own.
    /// </summary>
    public void Fail(string reason) => end(reason);
}
