namespace KvStore.Core.State;

/// <summary>Who made a request id, and what it tells beside being itself; the numbers are in the formats.</summary>
public enum RequestIdKind : byte
{
    /// <summary>A client's, of any text.</summary>
    Named = 0,

    /// <summary>Made inside the cluster: repeated only within one deadline, so it is forgotten sooner.</summary>
    Internal = 1,

    /// <summary>A client's, which carries the time when it was made: a UUID of version 7 (RFC 9562).</summary>
    Timed = 2,
}

/// <summary>
/// Names a client's request so that a retry of it is applied at most once. <paramref name="High"/> and
/// <paramref name="Low"/> are the two halves of a 128-bit hash of the id's text, or, of
/// <see cref="RequestIdKind.Timed"/>, of the id itself, so that its time can be read from it.
/// </summary>
public readonly record struct RequestId(ulong High, ulong Low, RequestIdKind Kind)
{
    private const int TimeShift = 16;    // behind the time come the version and the first random bits

    /// <summary>When its client made a timed id by its own clock, in milliseconds since 1970.</summary>
    public long TimeMs => (long)(High >> TimeShift);
}
