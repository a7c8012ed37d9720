namespace KvStore.Cli.Chaos.Load;

/// <summary>A kind of work that the clients of one round do, on keys of its own.</summary>
internal interface ILoad
{
    /// <summary>Every key that was touched.</summary>
    IEnumerable<string> Keys { get; }

    /// <summary>Does one thing, and brings it to its end.</summary>
    Task ActAsync(ClientSession client);
}
