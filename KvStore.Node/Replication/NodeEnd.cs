namespace KvStore.Node.Replication;

/// <summary>How a node ends: gracefully when asked, or at once when it may not go on.</summary>
/// <param name="end">Ends the process, saying why.</param>
internal sealed class NodeEnd(Action<string> end) : IDisposable
{
    private readonly CancellationTokenSource _handedOver = new();
    private volatile bool _isStopping;

    /// <summary>Cancelled once the node leads nothing more, or has given up trying: nobody needs its links.</summary>
    public CancellationToken HandedOver => _handedOver.Token;

    /// <summary>The node has been asked to stop; new requests are refused once it leads nothing more.</summary>
    public bool IsStopping
    {
        get => _isStopping;
        set => _isStopping = value;
    }

    /// <summary>The links from other nodes may end.</summary>
    public void EndLinks() => _handedOver.Cancel();

    /// <inheritdoc/>
    public void Dispose() => _handedOver.Dispose();

    /// <summary>One line and exit code 1, now: nothing may be written or answered after this.</summary>
    public static NodeEnd OfProcess { get; } = new(reason =>
    {
        Console.Error.WriteLine($"KvStore.Node: {reason}");
        Environment.Exit(1);
    });

    /// <summary>The node may not go on: a state that is wrong, a log that cannot be trusted, a cluster that is not its own.</summary>
    public void Fail(string reason) => end(reason);
}
