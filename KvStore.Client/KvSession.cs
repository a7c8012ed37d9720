using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>
/// What somebody has written until now, and read by key, in batches and in transactions. Reads with it on any node see
/// that at least, when they ask for <see cref="Consistency.Session"/>. May be used by many calls at once. Where the
/// store is replaced by another one, or restored, it begins anew.
/// </summary>
public sealed class KvSession
{
    private readonly Lock _gate = new();
    private SessionToken? _seen;

    /// <summary>A session that has seen nothing.</summary>
    public KvSession()
    {
    }

    /// <summary>A session that goes on from where another one stood, perhaps in another process.</summary>
    /// <param name="token">What <see cref="Token"/> gave there.</param>
    /// <exception cref="FormatException">It is no such text.</exception>
    public KvSession(string token)
    {
        if (!SessionToken.TryParse(token, out _seen))
            throw new FormatException("This is no token of a session.");
    }

    /// <summary>What it has seen, as text that can be stored and handed on; null: nothing yet.</summary>
    public string? Token
    {
        get
        {
            lock (_gate)
                return _seen?.Format();
        }
    }

    /// <summary>An answer saw more; a token of another cluster, to which the store was restored, begins anew.</summary>
    internal void Learn(string? text)
    {
        if (text is null || !SessionToken.TryParse(text, out var token))
            return;
        lock (_gate)
            _seen = _seen is null || _seen.ClusterId != token.ClusterId ? token : _seen.With(token);
    }

    /// <summary>The store is of another cluster than this token: what was seen there is nowhere now.</summary>
    internal void Forget(string text)
    {
        if (!SessionToken.TryParse(text, out var token))
            return;
        lock (_gate)
            _seen = _seen?.ClusterId == token.ClusterId ? null : _seen;
    }
}
