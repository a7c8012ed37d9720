using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace KvStore.ServiceDefaults;

/// <summary>Reads settings that are switches or numbers.</summary>
public static class Settings
{
    /// <summary>Whether a switch is on; absent means off.</summary>
    /// <exception cref="StartupException">It is neither <c>true</c> nor <c>false</c>.</exception>
    internal static bool IsOn(IConfiguration configuration, string name)
    {
        var text = configuration[name];
        if (string.IsNullOrWhiteSpace(text))
            return false;
        return bool.TryParse(text, out var isOn)
            ? isOn
            : throw new StartupException($"{name} must be true or false, not '{text}'.");
    }

    /// <summary>A number from 1 to <paramref name="most"/>.</summary>
    /// <param name="configuration">With the environment's variables.</param>
    /// <param name="name">The setting's.</param>
    /// <param name="absent">What it is when nothing is set.</param>
    /// <param name="most">The largest that is taken.</param>
    /// <exception cref="StartupException">It is anything else.</exception>
    public static int Number(IConfiguration configuration, string name, int absent, int most)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var text = configuration[name];
        if (string.IsNullOrWhiteSpace(text))
            return absent;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number >= 1 && number <= most
            ? number
            : throw new StartupException($"{name} must be a number from 1 to {most}, not '{text}'.");
    }
}
