namespace KvStore.Balancer.Membership;

#pragma warning disable CA1001 // No timer, no wait handle; requests hold the token to their end.
/// <summary>
/// A node to send requests to, from when it was found to be up (or down) until it is found to be otherwise.
/// </summary>
/// <param name="prefix">Scheme, host and port, without a slash at the end.</param>
/// <param name="name">The node's name; null until it told it.</param>
internal sealed class Destination(string prefix, string? name)
#pragma warning restore CA1001
{
    private readonly CancellationTokenSource _end = new();

    private Destination(Destination named, string name)
        : this(named.Prefix, name) => _end = named._end;

    /// <summary>Scheme, host and port, without a slash at the end.</summary>
    public string Prefix { get; } = prefix;

    /// <summary>The node's name; null until it told it.</summary>
    public string? Name { get; } = name;

    /// <summary>Cancelled when the node is found to be down: whoever waits for it should look for another.</summary>
    public CancellationToken End => _end.Token;

    /// <summary>The same, by name.</summary>
    public Destination Named(string name) => name == Name ? this : new(this, name);

    /// <summary>Lets those who wait for the node go, on other threads.</summary>
    public void LetGo() => _ = _end.CancelAsync();
}
