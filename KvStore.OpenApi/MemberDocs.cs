using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using KvStore.Contracts;

namespace KvStore.OpenApi;

/// <summary>What the contracts' own comments say of their records, as Markdown.</summary>
internal sealed class MemberDocs
{
    private const string File = "KvStore.Contracts.xml";

    private readonly Dictionary<string, XElement> _summaries;

    public MemberDocs()
    {
        using var stream = typeof(MemberDocs).Assembly.GetManifestResourceStream(File)!;
        _summaries = XDocument.Load(stream).Descendants("member").Where(member => member.Element("summary") is not null)
            .ToDictionary(
                member => member.Attribute("name")!.Value,
                member => member.Element("summary")!,
                StringComparer.Ordinal);
    }

    /// <summary>What is said of a record.</summary>
    public string Of(Type type) => Render(_summaries[$"T:{type.FullName}"]);

    /// <summary>What is said of one of its members.</summary>
    /// <param name="type">The record.</param>
    /// <param name="name">The member as JSON has it.</param>
    public string Of(Type type, string name)
    {
        var property = type.GetProperty(name, BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase)!;
        return _summaries.TryGetValue($"P:{type.FullName}.{property.Name}", out var said)
            ? Render(said)
            : throw new InvalidOperationException($"Nothing is said of {type.Name}.{property.Name}.");
    }

    private static string Render(XElement summary)
    {
        var text = new StringBuilder();
        foreach (var node in summary.Nodes())
        {
            text.Append(node switch
            {
                XText words => words.Value,
                XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
                XElement { Name.LocalName: "see" } link => $"`{NameOf(link.Attribute("cref")!.Value)}`",
                _ => throw new InvalidOperationException($"{node} cannot be shown."),
            });
        }

        char[] spaces = [' ', '\n', '\r'];
        return string.Join(' ', text.ToString().Split(spaces, StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>A constant is shown as its value, a member as JSON has it, anything else by its name.</summary>
    private static string NameOf(string reference)
    {
        var name = reference[(reference.LastIndexOf('.') + 1)..];
        if (reference[0] == 'T' || reference.IndexOf('.', StringComparison.Ordinal) < 0)
            return name;
        var type = typeof(Problem).Assembly.GetType(reference[2..reference.LastIndexOf('.')]);
        var field = type?.GetField(name, BindingFlags.Public | BindingFlags.Static);
        return field is { IsLiteral: true }
            ? Convert.ToString(field.GetRawConstantValue(), CultureInfo.InvariantCulture)!
            : JsonNamingPolicy.CamelCase.ConvertName(name);
    }
}
