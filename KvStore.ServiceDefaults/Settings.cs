using Microsoft.Extensions.Configuration;

namespace KvStore.ServiceDefaults;

/// <summary>Reads settings that are switches.</summary>
internal static class Settings
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
}
