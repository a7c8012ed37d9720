namespace KvStore.Verification;

/// <summary>One step of a transaction: what is done to a key, and what was told of it.</summary>
public sealed record OperationStep
{
    /// <summary>What is done: anything but a transaction.</summary>
    public required OperationKind Op { get; init; }

    /// <summary>To which key.</summary>
    public required string Key { get; init; }

    /// <summary>The value written or read; of an increment the sum; of a comparison what must be there.</summary>
    public string? Value { get; init; }

    /// <summary>What an increment adds.</summary>
    public long? By { get; init; }

    /// <summary>Whether the key was there, where the answer said so.</summary>
    public bool? Found { get; init; }

    /// <summary>The version that must be current, or <c>*</c> for any.</summary>
    public string? IfMatch { get; init; }

    /// <summary><c>*</c>: the key must not be there.</summary>
    public string? IfNone { get; init; }

    /// <summary>The version written or read.</summary>
    public string? Etag { get; init; }

    /// <summary>Whether it can change the key.</summary>
    public bool IsWrite => Op is OperationKind.Put or OperationKind.Delete or OperationKind.Increment;
}
