namespace KvStore.Client;

/// <summary>Reads <see cref="KvStoreClientSettings.ConnectionString"/>.</summary>
internal static class KvConnectionString
{
    private const string Shape =
        "it must be an address such as http://localhost:9000, or Endpoint=ADDRESS, or Endpoints=ADDRESS,ADDRESS.";

    /// <summary>The addresses, and whether they are nodes that the client chooses from.</summary>
    /// <param name="text">What is read.</param>
    /// <param name="hasDiscovery">Whether a scheme may be one that service discovery chooses from.</param>
    /// <exception cref="ArgumentException">It cannot be read; the message says why.</exception>
    public static (IReadOnlyList<Uri> Servers, bool AreNodes) Read(string text, bool hasDiscovery = true)
    {
        var read = Parse(text);
        if (!hasDiscovery && read.Servers.FirstOrDefault(server => server.Scheme.Contains('+')) is { } chosen)
        {
            throw new ArgumentException(
                $"The scheme '{chosen.Scheme}' is understood by service discovery alone, which AddKvStoreClient adds; "
                    + "without it the connection string must have http or https.");
        }

        return read;
    }

    private static (IReadOnlyList<Uri> Servers, bool AreNodes) Parse(string text)
    {
        if (!text.Contains('=') || Uri.TryCreate(text, UriKind.Absolute, out _))
            return ([ReadAddress(text)], false);
        (IReadOnlyList<Uri> Servers, bool AreNodes)? read = null;
        foreach (var part in text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = part.Split('=', 2, StringSplitOptions.TrimEntries) is [var left, var right]
                ? (left, right)
                : (part, "");
            if (read is not null)
                throw new ArgumentException($"The connection string has more than its address, '{name}': {Shape}");
            read = name.ToUpperInvariant() switch
            {
                "ENDPOINT" => ([ReadAddress(value)], false),
                "ENDPOINTS" => ([.. value.Split(',').Select(ReadAddress)], true),
                _ => throw new ArgumentException($"The connection string has an unknown part, '{name}': {Shape}"),
            };
        }

        return read ?? throw new ArgumentException($"The connection string is empty: {Shape}");
    }

    private static Uri ReadAddress(string text)
    {
        if (Uri.TryCreate(text.Trim(), UriKind.Absolute, out var address) && address.PathAndQuery == "/"
            && address.UserInfo.Length == 0 && address.Fragment.Length == 0
            && address.Scheme.Split('+').All(scheme => scheme is "http" or "https"))
            return address;
        throw new ArgumentException($"The connection string has no address where one is expected: {Shape}");
    }
}
