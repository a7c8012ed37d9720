using System.Collections.Immutable;
using KvStore.ServiceDefaults;

namespace KvStore.Balancer.Membership;

/// <summary>
/// Where the environment says the nodes are: by URL (<c>DATABASE_NODES</c>, comma separated), or else by service name
/// (<c>services:node1:http:0</c> and so on). Nothing but these is ever connected to.
/// </summary>
/// <param name="Urls">Empty when services are used.</param>
/// <param name="Services">Names of services; empty when URLs are used.</param>
internal sealed record NodeSetting(ImmutableArray<Uri> Urls, ImmutableArray<string> Services)
{
    private const string Variable = "DATABASE_NODES";
    private const string ServicePrefix = "node";
    private const int MaxNodes = 100;

    /// <summary>Reads and proves the setting.</summary>
    /// <exception cref="StartupException">No nodes are named, too many, or one is not a URL of a node.</exception>
    public static NodeSetting Read(IConfiguration configuration)
    {
        var text = configuration[Variable];
        var setting = string.IsNullOrWhiteSpace(text)
            ? new NodeSetting([], [.. configuration.GetSection("services").GetChildren()
                .Select(service => service.Key)
                .Where(name => name.StartsWith(ServicePrefix, StringComparison.OrdinalIgnoreCase))
                .Order(StringComparer.OrdinalIgnoreCase)])
            : new NodeSetting([.. text.Split(',', StringSplitOptions.TrimEntries).Select(ReadUrl).Distinct()], []);
        return (setting.Urls.Length + setting.Services.Length) switch
        {
            0 => throw new StartupException(
                $"No nodes are named: set {Variable}=http://localhost:8001,http://localhost:8002,http://localhost:8003 "
                + "or services__node1__http__0=http://localhost:8001 and so on."),
            > MaxNodes => throw new StartupException($"At most {MaxNodes} nodes can be named."),
            _ => setting,
        };
    }

    private static Uri ReadUrl(string text) => AsNodeUrl(text) ?? throw new StartupException(
        $"{Variable} must list URLs such as http://localhost:8001, separated by commas; '{text}' is none.");

    /// <summary>A URL of scheme, host and port alone; null when the text is not one.</summary>
    internal static Uri? AsNodeUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url)
        && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps)
        && url.Host.Length > 0 && url.UserInfo.Length == 0 && url.PathAndQuery == "/" && url.Fragment.Length == 0
            ? url
            : null;
}
