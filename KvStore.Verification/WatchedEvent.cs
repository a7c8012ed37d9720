namespace KvStore.Verification;

/// <summary>A change as a watcher was told of it.</summary>
public sealed record WatchedEvent
{
    /// <summary>With which stream it came, counted from 1: each takes up where the last was cut.</summary>
    public required int Stream { get; init; }

    /// <summary><c>put</c>, <c>delete</c> or <c>expire</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Of which key.</summary>
    public required string Key { get; init; }

    /// <summary>The key's version; of what is deleted, that of the delete.</summary>
    public required long Version { get; init; }

    /// <summary>Of a put, the entity tag.</summary>
    public string? Etag { get; init; }

    /// <summary>Of a put, the value.</summary>
    public string? Value { get; init; }
}
