namespace KvStore.Contracts;

/// <summary>What a read promises.</summary>
public enum Consistency
{
    /// <summary>It sees every write acknowledged before it began.</summary>
    Strong,

    /// <summary>It sees all that the session of <see cref="KvHeaders.Session"/> wrote and read before.</summary>
    Session,

    /// <summary>It is no staler than the request says.</summary>
    Bounded,

    /// <summary>It sees what some copy holds.</summary>
    Eventual,
}

/// <summary>The words of <see cref="KvHeaders.Consistency"/>.</summary>
public static class ConsistencyWords
{
    /// <summary>All of them, for a sentence.</summary>
    public const string All = "strong, session, bounded or eventual";

    /// <summary>The word.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such level.</exception>
    public static string Of(Consistency consistency) => consistency switch
    {
        Consistency.Strong => "strong",
        Consistency.Session => "session",
        Consistency.Bounded => "bounded",
        Consistency.Eventual => "eventual",
        _ => throw new ArgumentOutOfRangeException(nameof(consistency)),
    };

    /// <summary>Reads a word, in small letters; false for any other text.</summary>
    public static bool TryParse(string? word, out Consistency consistency)
    {
        (consistency, var isKnown) = word switch
        {
            "strong" => (Consistency.Strong, true),
            "session" => (Consistency.Session, true),
            "bounded" => (Consistency.Bounded, true),
            "eventual" => (Consistency.Eventual, true),
            _ => (default, false),
        };
        return isKnown;
    }
}
