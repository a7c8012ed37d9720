using System.Globalization;
using KvStore.Node.Storage;
using KvStore.ServiceDefaults;

namespace KvStore.Node.Options;

/// <summary>Reads variables into values, or says in one sentence which one is wrong and what was expected.</summary>
internal sealed class EnvironmentReader(IConfiguration configuration)
{
    public string? Text(string name) =>
        string.IsNullOrWhiteSpace(configuration[name]) ? null : configuration[name]!.Trim();

    /// <summary>One of a few words; the first when the variable is not set.</summary>
    public string Word(string name, params ReadOnlySpan<string> words)
    {
        if (Text(name) is not { } text)
            return words[0];
        return words.Contains(text) ? text : throw Wrong(name, text, string.Join(" or ", words!));
    }

    public int? Number(string name) => Text(name) is not { } text
        ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw Wrong(name, text, "a whole number");

    public int? Port(string name) => Number(name) switch
    {
        null => null,
        >= 1 and <= 65535 and var port => port,
        var other => throw Wrong(name, $"{other}", "a port from 1 to 65535"),
    };

    public DiskReserve? DiskReserve(string name) => Text(name) is { } text
        ? Storage.DiskReserve.TryParse(text) ?? throw Wrong(name, text, "a share such as 5%, up to 50%, or bytes")
        : null;

    public bool IsOn(string name) => Word(name, "false", "true") == "true";

    /// <summary>The switch for faults of the disk; null unless it is allowed.</summary>
    public FaultSwitch? Faults(string name, string permission)
    {
        if (!IsOn(permission))
        {
            return Text(name) is null
                ? null
                : throw new StartupException(
                    $"{name} breaks the disk for tests and is not allowed here: {permission} is not true.");
        }

        var faults = new FaultSwitch(TimeProvider.System);
        try
        {
            faults.Set(Text(name) ?? "");
            return faults;
        }
        catch (Exception wrong) when (wrong is FormatException or OverflowException)
        {
            throw Wrong(name, Text(name)!, $"faults such as flush:17=EIO ({wrong.Message.TrimEnd('.')})");
        }
    }

    public Uri? Url(string name) => Text(name) is { } text ? ToUrl(name, text) : null;

    public IReadOnlyList<Uri>? Urls(string name) => Text(name) is not { } text
        ? null
        : [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(part => ToUrl(name, part))];

    /// <summary>
    /// Every service named like a node that service discovery was told of: <c>services:node2:http:0</c> and the like.
    /// </summary>
    public IReadOnlyList<Uri> DiscoveredUrls() =>
        [.. configuration.GetSection("services").GetChildren()
            .Where(service => service.Key.StartsWith("node", StringComparison.OrdinalIgnoreCase))
            .SelectMany(service => new[] { $"{service.Key}:http:0", $"{service.Key}:https:0" }
                .Select(name => (
                    Variable: $"services:{name}".Replace(":", "__", StringComparison.Ordinal),
                    Text: Text($"services:{name}")))
                .Where(found => found.Text is not null)
                .Take(1))
            .Select(found => ToUrl(found.Variable, found.Text!))];

    /// <summary>A time such as <c>5m</c>, <c>30s</c>, <c>50ms</c>, or <c>00:05:00</c>.</summary>
    public TimeSpan? Duration(string name)
    {
        if (Text(name) is not { } text)
            return null;
        if (text.Contains(':', StringComparison.Ordinal)
            && TimeSpan.TryParseExact(text, "c", CultureInfo.InvariantCulture, out var exact))
        {
            return exact;
        }

        var digits = text.TakeWhile(char.IsAsciiDigit).Count();
        if (digits is > 0 and < 8)
        {
            var number = int.Parse(text.AsSpan(0, digits), CultureInfo.InvariantCulture);
            switch (text[digits..])
            {
                case "ms": return TimeSpan.FromMilliseconds(number);
                case "s": return TimeSpan.FromSeconds(number);
                case "m": return TimeSpan.FromMinutes(number);
                case "h": return TimeSpan.FromHours(number);
            }
        }

        throw Wrong(name, text, "a time such as 5m, 30s or 50ms");
    }

    private static Uri ToUrl(string name, string text)
    {
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url is { Scheme: "http" or "https" }
            && url.AbsolutePath == "/" && url.Query.Length == 0 && url.UserInfo.Length == 0)
        {
            return url;
        }

        throw Wrong(name, text, "a URL such as http://localhost:8001");
    }

    private static StartupException Wrong(string name, string value, string expected) =>
        new($"{name} is '{value}'; {expected} was expected.");
}
