using System.Buffers;
using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>Reads the user's metadata from the headers of a write.</summary>
internal static class MetadataReader
{
    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    private static readonly string TooMuch =
        $"All {KvHeaders.MetadataPrefix} headers together may be {MetadataFormat.MaxItems} and have "
        + $"{MetadataFormat.MaxCharacters} characters, names and values.";

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
            var (name, value) = (header[KvHeaders.MetadataPrefix.Length..], values.ToString());
            if (values.Count != 1)
                return Invalid("A Kv-Meta- header was sent more than once.");
            items.Add((name.ToLowerInvariant(), value));
        }

        if (Wrong(items) is { } wrong)
            return Invalid(wrong);
        read.Metadata = MetadataFormat.Encode(items);
        return null;
    }

    /// <summary>What is wrong with metadata, wherever it came from, as a sentence; null: nothing.</summary>
    public static string? Wrong(List<(string Name, string Value)> items)
    {
        var characters = 0;
        foreach (var (name, value) in items)
        {
            if (name.Length is 0 or > MetadataFormat.MaxNameLength || name.AsSpan().ContainsAnyExcept(TokenCharacters))
                return "After Kv-Meta- stands a name of 1 to 255 token characters.";
            if (value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
                return "The value of a Kv-Meta- header is visible ASCII and spaces.";
            characters += name.Length + value.Length;
        }

        return items.Count > MetadataFormat.MaxItems || characters > MetadataFormat.MaxCharacters ? TooMuch : null;
    }

    private static Refusal Invalid(string detail) => new(ProblemType.HeaderInvalid, detail);
}
