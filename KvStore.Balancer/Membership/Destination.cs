namespace KvStore.Balancer.Membership;

/// <summary>
/// A node to send requests to, from when it was found to be up (or down) until it is found to be otherwise.
/// </summary>
internal sealed class Destination
{
    private readonly Life _life;

    /// <param name="prefix">Scheme, host and port, without a slash at the end.</param>
    /// <param name="name">The node's name; null until it told it.</param>
    public Destination(string prefix, string? name)
        : this(prefix, name, new())
    {
    }

    private Destination(string prefix, string? name, Life life)
    {
        Prefix = prefix;
        Name = name;
        _life = life;
    }

    /// <summary>Scheme, host and port, without a slash at the end.</summary>
    public string Prefix { get; }

    /// <summary>The node's name; null until it told it.</summary>
    public string? Name { get; }

    /// <summary>Cancelled when the node is found to be down: whoever waits for it should look for another.</summary>
    public CancellationToken End => _life.End.Token;

    /// <summary>When it last answered a request, as a time stamp; 0, before all others: not yet.</summary>
    public long AnsweredRequestAt => Volatile.Read(ref _life.AnsweredRequestAt);

    /// <summary>The same, by name.</summary>
    public Destination Named(string name) => name == Name ? this : new(Prefix, name, _life);

    /// <summary>Whether it is this one, whatever it is called.</summary>
    public bool IsSameAs(Destination other) => _life == other._life;

    /// <summary>It answered a request.</summary>
    public void AnsweredRequest(long now) => Volatile.Write(ref _life.AnsweredRequestAt, now);

    /// <summary>Lets those who wait for the node go, on other threads.</summary>
    public void LetGo() => _ = _life.End.CancelAsync();

    /// <summary>
    /// What the same destination has under each of its names; no part of the view, which no answer should have to swap.
    /// </summary>
#pragma warning disable CA1001 // No timer, no wait handle; requests hold the token to their end.
    private sealed class Life
#pragma warning restore CA1001
    {
        public readonly CancellationTokenSource End = new();
        public long AnsweredRequestAt;
    }
}
