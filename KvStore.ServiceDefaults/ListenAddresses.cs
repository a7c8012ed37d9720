using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;

namespace KvStore.ServiceDefaults;

/// <summary>
/// Where a program listens: the port variable wins and means the loopback addresses, then <c>ASPNETCORE_URLS</c>, then
/// <c>HTTP_PORTS</c> (all addresses, as container images set it), then the default port on loopback. Everybody else's
/// addresses are refused as long as nobody is asked who they are, unless <see cref="AllowAnonymousKey"/> is
/// <c>true</c>.
/// </summary>
public sealed class ListenAddresses
{
    /// <summary>
    /// The setting that allows addresses that others can reach; <c>KvStore__AllowAnonymous</c> as a variable.
    /// </summary>
    public const string AllowAnonymousKey = "KvStore:AllowAnonymous";

    private static readonly string[] OtherSettings = ["urls", "http_ports", "https_ports"];

    private ListenAddresses(ImmutableArray<BindingAddress> addresses) => Addresses = addresses;

    /// <summary>At least one.</summary>
    public ImmutableArray<BindingAddress> Addresses { get; }

    /// <summary>Reads the addresses from the settings.</summary>
    /// <param name="configuration">With the environment's variables.</param>
    /// <param name="portVariable">Such as <c>PORT</c>.</param>
    /// <param name="defaultPort">Used when nothing is set.</param>
    /// <exception cref="StartupException">A value is not valid, or others can reach an address.</exception>
    public static ListenAddresses Read(IConfiguration configuration, string portVariable, int defaultPort)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        if (configuration.GetSection("Kestrel:Endpoints").Exists())
            throw new StartupException($"Kestrel:Endpoints is not used here: set {portVariable} or ASPNETCORE_URLS.");
        var allowsAnonymous = Settings.IsOn(configuration, AllowAnonymousKey);
        var addresses = FromPort(configuration[portVariable], portVariable)
            ?? FromUrls(configuration["urls"])
            ?? FromPorts(configuration["http_ports"])
            ?? [Loopback(defaultPort)];
        foreach (var address in addresses)
        {
            if (!allowsAnonymous && !IsLoopback(address))
                throw new StartupException(
                    $"{address} can be reached from other machines, and nobody is asked who they are: listen on "
                    + "localhost, or set KvStore__AllowAnonymous=true if the network is trusted.");
        }

        return new(addresses);
    }

    /// <summary>
    /// Reads the addresses and makes Kestrel listen there and, of these settings, nowhere else: HTTP/1.1, and of one
    /// client's address no more connections than <see cref="ConnectionLimit"/> says.
    /// </summary>
    /// <param name="builder">The program's.</param>
    /// <param name="portVariable">Such as <c>PORT</c>.</param>
    /// <param name="defaultPort">Used when nothing is set.</param>
    /// <exception cref="StartupException">As <see cref="Read"/>.</exception>
    public static ListenAddresses Use(WebApplicationBuilder builder, string portVariable, int defaultPort)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var read = Read(builder.Configuration, portVariable, defaultPort);
        foreach (var setting in OtherSettings)
            builder.WebHost.UseSetting(setting, "");    // else Kestrel warns that it does not use them
        var limit = new ConnectionLimit(
            Settings.Number(builder.Configuration, ConnectionLimit.Key, ConnectionLimit.Default, most: 1_000_000));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            foreach (var address in read.Addresses)
            {
                Listen(kestrel, address, options =>
                {
                    options.Protocols = HttpProtocols.Http1;
                    limit.Guard(options);
                });
            }
        });
        return read;
    }

    /// <summary>
    /// Listens on one address. A name that is neither <c>localhost</c> nor an IP address means all addresses, as
    /// everywhere in ASP.NET.
    /// </summary>
    public static void Listen(KestrelServerOptions kestrel, BindingAddress address, Action<ListenOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(kestrel);
        ArgumentNullException.ThrowIfNull(address);
        if (string.Equals(address.Scheme, Uri.UriSchemeHttps, StringComparison.OrdinalIgnoreCase))
        {
            var plain = configure;
            configure = options =>
            {
                plain(options);
                options.UseHttps();
            };
        }

        if (IPAddress.TryParse(address.Host, out var ip))
            kestrel.Listen(ip, address.Port, configure);
        else if (!IsLocalhost(address))
            kestrel.ListenAnyIP(address.Port, configure);
        else if (address.Port == 0)
            kestrel.Listen(IPAddress.Loopback, 0, configure);    // two families cannot agree on a free port
        else
            kestrel.ListenLocalhost(address.Port, configure);
    }

    /// <summary>Whether only this machine can reach the address.</summary>
    public static bool IsLoopback(BindingAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return IsLocalhost(address) || (IPAddress.TryParse(address.Host, out var ip) && IPAddress.IsLoopback(ip));
    }

    private static bool IsLocalhost(BindingAddress address) =>
        string.Equals(address.Host, "localhost", StringComparison.OrdinalIgnoreCase);

    private static BindingAddress Loopback(int port) =>
        BindingAddress.Parse(string.Create(CultureInfo.InvariantCulture, $"http://localhost:{port}"));

    private static ImmutableArray<BindingAddress>? FromPort(string? text, string variable) =>
        string.IsNullOrWhiteSpace(text) ? null : [Loopback(Port(text, variable))];

    private static ImmutableArray<BindingAddress>? FromPorts(string? text) =>
        Split(text) is not { Length: > 0 } ports
            ? null
            : [.. ports.Select(port => BindingAddress.Parse($"http://*:{Port(port, "HTTP_PORTS")}"))];

    private static ImmutableArray<BindingAddress>? FromUrls(string? text) =>
        Split(text) is not { Length: > 0 } urls ? null : [.. urls.Select(Url)];

    private static string[] Split(string? text) =>
        text?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    private static int Port(string text, string variable) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= 65535
            ? port
            : throw new StartupException($"{variable} must be a port from 1 to 65535, not '{text}'.");

    private static BindingAddress Url(string text)
    {
        try
        {
            var address = BindingAddress.Parse(text);
            var isHttp = address.Scheme.Equals(Uri.UriSchemeHttp, StringComparison.OrdinalIgnoreCase)
                || address.Scheme.Equals(Uri.UriSchemeHttps, StringComparison.OrdinalIgnoreCase);
            if (isHttp && address.PathBase.Length == 0 && !address.IsUnixPipe && !address.IsNamedPipe)
                return address;
        }
        catch (FormatException)
        {
            // Said below, in the words for every bad value.
        }

        throw new StartupException($"ASPNETCORE_URLS must list addresses such as http://localhost:9000, not '{text}'.");
    }
}
