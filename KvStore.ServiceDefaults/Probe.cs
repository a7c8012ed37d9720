using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;

namespace KvStore.ServiceDefaults;

/// <summary>
/// A program as its own probe: its image has no shell and nothing else that could ask whether it is healthy. Started
/// with the word <see cref="Verb"/>, it reads the settings of the one that serves and asks that one.
/// </summary>
public static class Probe
{
    /// <summary>The only argument of a program that is to probe.</summary>
    public const string Verb = "probe";

    private const string Path = "/health";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    /// <summary>Asks the program that runs on this machine with the same variables.</summary>
    /// <param name="portVariable">As for <see cref="ListenAddresses.Read"/>.</param>
    /// <param name="defaultPort">Likewise.</param>
    /// <returns>The exit code: 0 if it is healthy, 1 if it is not or does not answer.</returns>
    public static async Task<int> RunAsync(string portVariable, int defaultPort)
    {
        var environment = new ConfigurationBuilder()
            .AddEnvironmentVariables("ASPNETCORE_")
            .AddEnvironmentVariables()
            .Build();
        try
        {
            return await AskAsync(environment, portVariable, defaultPort, Console.Out).ConfigureAwait(false);
        }
        catch (StartupException wrong)
        {
            await Console.Error.WriteLineAsync(wrong.Message).ConfigureAwait(false);
            return 1;
        }
    }

    internal static async Task<int> AskAsync(
        IConfiguration configuration, string portVariable, int defaultPort, TextWriter output)
    {
        var address = ListenAddresses.Read(configuration, portVariable, defaultPort).Addresses[0];
        var url = new UriBuilder(address.Scheme, HostOf(address), address.Port, Path).Uri;
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = Patience };
        try
        {
            using var answer = await http.GetAsync(url).ConfigureAwait(false);
            await output.WriteLineAsync($"{url}: {(int)answer.StatusCode}").ConfigureAwait(false);
            return answer.IsSuccessStatusCode ? 0 : 1;
        }
        catch (Exception failure) when (failure is HttpRequestException or TaskCanceledException)
        {
            await output.WriteLineAsync($"{url}: {failure.Message}").ConfigureAwait(false);
            return 1;
        }
    }

    /// <summary>How this machine reaches it.</summary>
    private static string HostOf(BindingAddress address) =>
        IPAddress.TryParse(address.Host, out var ip) && !ip.Equals(IPAddress.Any) && !ip.Equals(IPAddress.IPv6Any)
            ? address.Host
            : "localhost";
}
