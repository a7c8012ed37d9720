using System.CommandLine;
using System.CommandLine.Parsing;
using KvStore.Topology;

namespace KvStore.Cli.Server;

/// <summary>The option <c>--server</c>: where the balancer, or a node, is.</summary>
internal static class ServerOption
{
    private const string Variable = "KVSTORE_SERVER";

    private static readonly string Default = $"http://localhost:{ClusterTopology.DefaultPort}";

    public static Option<Uri> Build(Terminal terminal) => new("--server")
    {
        Description = $"Where the balancer or a node is; {Variable} says it for all.",
        HelpName = "URL",
        Arity = ArgumentArity.ExactlyOne,
        DefaultValueFactory = result =>
            Read(terminal.Variable(Variable) is { Length: > 0 } set ? set : Default, Variable, result),
        CustomParser = result => Read(result.Tokens[0].Value, "--server", result),
    };

    private static Uri Read(string text, string source, ArgumentResult result)
    {
        if (Uri.TryCreate(text, UriKind.Absolute, out var url)
            && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps)
            && url.Host.Length > 0 && url.UserInfo.Length == 0 && url.PathAndQuery == "/" && url.Fragment.Length == 0)
        {
            return url;
        }

        result.AddError($"{source} must be a URL such as {Default}, not '{text}'.");
        return new Uri(Default);
    }
}
