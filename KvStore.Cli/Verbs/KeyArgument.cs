using System.CommandLine;

namespace KvStore.Cli.Verbs;

/// <summary>What several verbs take.</summary>
internal static class KeyArgument
{
    public static Argument<string> Build() => new("KEY")
    {
        Description = "The key, as it is: any text of at most 1024 bytes; slashes, spaces and % need no escape.",
    };

    /// <summary>The option <c>--ack</c> of writes.</summary>
    public static Option<string?> Ack() => new Option<string?>("--ack")
    {
        Description = "Copies on stable storage before the answer: one, a quorum (the server's default), or all.",
        HelpName = "one|quorum|all",
    }.AcceptOnlyFromAmong("one", "quorum", "all");

    /// <summary>The option <c>--if-match</c> of writes.</summary>
    public static Option<string?> IfMatch() => new("--if-match")
    {
        Description = "Write only if the key still has this ETag; * if it exists at all. Exit code 4 when not.",
        HelpName = "ETAG",
    };

    /// <summary>The option <c>--ttl</c> of writes.</summary>
    public static Option<string?> Ttl() => new("--ttl")
    {
        Description = "How long it is kept: 60, 60s, 500ms, 2h, none, or keep; default: as the bucket says.",
        HelpName = "TIME",
    };

    /// <summary>Shells eat quotes, so those of an entity tag may be left out.</summary>
    public static string Quoted(string etag) =>
        etag is "*" || etag.Contains('"', StringComparison.Ordinal) ? etag : $"\"{etag}\"";
}
