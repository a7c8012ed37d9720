namespace KvStore.Cli;

/// <summary>What scripts look at.</summary>
internal static class ExitCodes
{
    public const int Ok = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int NotFound = 3;
    public const int Precondition = 4;
    public const int Unavailable = 5;

    /// <summary>As shells say it of what SIGPIPE ended: whoever read the output has gone.</summary>
    public const int OutputEnded = 141;
}
