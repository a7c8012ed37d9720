using System.Buffers;
using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>Reads the user's metadata: the headers of a write, or the member <c>meta</c> of an operation.</summary>
internal static class MetadataReader
{
    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    private static readonly string TooMuch =
        $"All metadata of a value may be {MetadataFormat.MaxItems} pairs and have {MetadataFormat.MaxCharacters} "
        + "characters, names and values.";

    /// <summary>Whether a header is one of them.</summary>
    public static bool Is(string name) =>
        name.StartsWith(KvHeaders.MetadataPrefix, StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads them into <see cref="KeyRequest.Metadata"/>.</summary>
    /// <returns>Null when they were read; else why not.</returns>
    public static Refusal? Read(IHeaderDictionary headers, KeyRequest read)
    {
        if (read.Form is not (BodyForm.Value or BodyForm.Envelope))
            return Invalid("Only a request that stores a whole value takes Kv-Meta- headers.");
        var items = new List<(string Name, string Value)>();
        foreach (var (header, values) in headers)
        {
            if (!Is(header))
                continue;
            if (values.Count != 1)
                return Invalid("A Kv-Meta- header was sent more than once.");
            items.Add((header[KvHeaders.MetadataPrefix.Length..], values.ToString()));
        }

        var wrong = Encode(items, out var bytes);
        read.Metadata = bytes;
        return wrong is null ? null : Invalid("Kv-Meta-: " + wrong);
    }

    /// <summary>Proves names and values, and writes them.</summary>
    /// <returns>Null when they were written; else what is wrong with them, as a sentence.</returns>
    public static string? Encode(List<(string Name, string Value)> items, out byte[] bytes)
    {
        bytes = [];
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in items)
        {
            if (name.Length is 0 or > MetadataFormat.MaxNameLength || name.AsSpan().ContainsAnyExcept(TokenCharacters))
                return "A name of metadata is 1 to 255 token characters.";
            if (value.AsSpan().ContainsAnyExceptInRange(' ', '~') || value.StartsWith(' ') || value.EndsWith(' '))
                return "A value of metadata is visible ASCII, with spaces inside only.";
            if (!names.Add(name))
                return "A name of metadata is there twice; upper and lower case are the same.";
        }

        if (items.Count > MetadataFormat.MaxItems
            || items.Sum(item => item.Name.Length + item.Value.Length) > MetadataFormat.MaxCharacters)
            return TooMuch;
        bytes = MetadataFormat.Encode([.. items.Select(item => (item.Name.ToLowerInvariant(), item.Value))]);
        return null;
    }

    private static Refusal Invalid(string detail) => new(ProblemType.HeaderInvalid, detail);
}
