using System.Text.Json;

namespace KvStore.Client.Configuration;

/// <summary>From a stored value to settings, as a file of JSON would give them.</summary>
internal static class SettingValues
{
    /// <summary>Adds what the value of a key says; what was there under the same names goes.</summary>
    /// <param name="settings">The settings until now.</param>
    /// <param name="name">The key's name as a setting.</param>
    /// <param name="text">The value.</param>
    /// <param name="contentType">Its media type.</param>
    /// <param name="flattens">Whether members of JSON are settings of their own.</param>
    public static void Add(
        Dictionary<string, string?> settings, string name, string text, string contentType, bool flattens)
    {
        if (!KvValues.IsJson(contentType))
        {
            settings[name] = text;
            return;
        }

        try
        {
            using var json = JsonDocument.Parse(text);
            Add(settings, name, json.RootElement, flattens);
        }
        catch (JsonException)
        {
            settings[name] = text;    // its writer told a wrong type
        }
    }

    private static void Add(Dictionary<string, string?> settings, string name, JsonElement value, bool flattens)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object when flattens && value.EnumerateObject().Any():
                foreach (var member in value.EnumerateObject())
                    Add(settings, $"{name}:{member.Name}", member.Value, flattens);
                break;
            case JsonValueKind.Array when flattens && value.GetArrayLength() > 0:
                foreach (var (index, item) in value.EnumerateArray().Index())
                    Add(settings, $"{name}:{index}", item, flattens);
                break;
            case JsonValueKind.Object when flattens:
            case JsonValueKind.Null:
                settings[name] = null;
                break;
            case JsonValueKind.Array when flattens:
                settings[name] = "";
                break;
            default:
                settings[name] = value.ToString();
                break;
        }
    }
}
