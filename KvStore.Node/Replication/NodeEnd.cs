namespace KvStore.Node.Replication;

/// <summary>How a node ends: gracefully when asked, or at once when it may not go on.</summary>
internal sealed class NodeEnd
{
    private volatile bool _isStopping;

    /// <summary>The node has been asked to stop; new requests may be refused.</summary>
    public bool IsStopping
    {
        get => _isStopping;
        set => _isStopping = value;
    }

    /// <summary>Ends the process with one line and exit code 1: nothing may be written or answered after this.</summary>
    public void Fail(string reason)
    {
        Console.Error.WriteLine($"KvStore.Node: {reason}");
        Environment.Exit(1);
    }
}
