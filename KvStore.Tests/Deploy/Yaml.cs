using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;
using YamlDotNet.Serialization;

namespace KvStore.Tests.Deploy;

/// <summary>A YAML document as what it says: maps, lists and texts, with anchors and merge keys followed.</summary>
internal static class Yaml
{
    public static IReadOnlyDictionary<object, object> Parse(string text) =>
        new DeserializerBuilder().Build().Deserialize<Dictionary<object, object>>(
            new MergingParser(new Parser(new StringReader(text))));

    /// <summary>Each document of a file that has several.</summary>
    public static IReadOnlyList<IReadOnlyDictionary<object, object>> ParseAll(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return [.. stream.Documents.Select(document =>
        {
            using var one = new StringWriter();
            new YamlStream(document).Save(one, assignAnchors: false);
            return Parse(one.ToString());
        })];
    }

    /// <summary>What is found by going down the names; an index is a name, too.</summary>
    public static object At(this object from, params ReadOnlySpan<string> path)
    {
        var at = from;
        foreach (var step in path)
        {
            at = at switch
            {
                IReadOnlyDictionary<object, object> map when map.TryGetValue(step, out var value) => value,
                IReadOnlyList<object> list => list[int.Parse(step)],
                _ => throw new KeyNotFoundException($"There is no {step} on the way {string.Join(" > ", path)}."),
            };
        }

        return at;
    }

    public static string Text(this object from, params ReadOnlySpan<string> path) => (string)from.At(path);

    public static IReadOnlyDictionary<string, object> Map(this object from, params ReadOnlySpan<string> path) =>
        ((IReadOnlyDictionary<object, object>)from.At(path)).ToDictionary(pair => (string)pair.Key, pair => pair.Value);

    public static IReadOnlyList<object> List(this object from, params ReadOnlySpan<string> path) =>
        (IReadOnlyList<object>)from.At(path);

    public static string[] Texts(this object from, params ReadOnlySpan<string> path) =>
        [.. from.List(path).Cast<string>()];
}
