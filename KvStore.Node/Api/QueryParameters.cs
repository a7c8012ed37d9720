using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>The query of a request for a key; each member null when it was not given.</summary>
internal record struct QueryParameters(
    string? Consistency, string? MaxStaleness, string? Ack, string? Timeout)
{
    /// <summary>How long the key is kept.</summary>
    public string? Ttl { get; private set; }

    /// <summary>The face of the answer.</summary>
    public string? Format { get; private set; }

    /// <summary>Whether only the time that the key is kept changes; it has no value.</summary>
    public bool IsTouch { get; private set; }

    /// <summary>Reads a query as it was sent, without the question mark.</summary>
    /// <returns>Null when it was read; else why not.</returns>
    public static Refusal? Read(string query, out QueryParameters read)
    {
        read = default;
        if (query.Length == 0)
            return null;
        foreach (var range in query.AsSpan().Split('&'))
        {
            if (!read.TryAdd(query.AsSpan(range)))
            {
                return new Refusal(
                    ProblemType.QueryInvalid,
                    "The query takes consistency, max_staleness, ack, timeout, ttl and format, each once and as "
                        + "name=value, and touch.");
            }
        }

        return null;
    }

    private bool TryAdd(ReadOnlySpan<char> pair)
    {
        var equals = pair.IndexOf('=');
        if (pair is "touch" or "touch=" && !IsTouch)
            return IsTouch = true;
        if (equals < 0)
            return false;
        var value = Uri.UnescapeDataString(pair[(equals + 1)..]);
        switch (Uri.UnescapeDataString(pair[..equals]))
        {
            case "consistency" when Consistency is null:
                Consistency = value;
                return true;
            case "max_staleness" when MaxStaleness is null:
                MaxStaleness = value;
                return true;
            case "ack" when Ack is null:
                Ack = value;
                return true;
            case "timeout" when Timeout is null:
                Timeout = value;
                return true;
            case "ttl" when Ttl is null:
                Ttl = value;
                return true;
            case "format" when Format is null:
                Format = value;
                return true;
            default:
                return false;
        }
    }
}
