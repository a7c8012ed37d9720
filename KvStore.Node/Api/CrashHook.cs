namespace KvStore.Node.Api;

/// <summary>
/// How the process ends when a request ran into a broken invariant: the replica behind it can no longer be trusted, so
/// answering 500 and going on is no choice.
/// </summary>
internal sealed record CrashHook(Action<Exception> Crash)
{
    /// <summary>Ends the process at once, without running anything more.</summary>
    public static CrashHook FailFast { get; } =
        new(broken => Environment.FailFast("An invariant does not hold; the node stops.", broken));
}
