using System.Buffers;

namespace KvStore.Client.Transport;

/// <summary>What callers give that is sent in headers, proved where they give it.</summary>
internal static class HeaderText
{
    private const int LongestMetadataName = 255;
    private const int LongestIdempotencyKey = 64;

    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    /// <summary>Proves a value's metadata.</summary>
    /// <exception cref="ArgumentException">A name or a value cannot be sent.</exception>
    public static void CheckMetadata(IReadOnlyDictionary<string, string>? metadata)
    {
        if (metadata is null)
            return;
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in metadata)
        {
            if (name.Length is 0 or > LongestMetadataName || name.AsSpan().ContainsAnyExcept(TokenCharacters))
            {
                throw new ArgumentException(
                    $"A name of metadata must be 1 to {LongestMetadataName} letters, digits or !#$%&'*+-.^_`|~, and is "
                        + $"'{name}'.");
            }

            if (!names.Add(name))
            {
                throw new ArgumentException(
                    $"Upper and lower case are the same in a name of metadata; '{name}' is there twice.");
            }

            if (!IsText(value))
            {
                throw new ArgumentException(
                    $"A value of metadata must be visible ASCII, with spaces inside only; that of '{name}' is not.");
            }
        }
    }

    /// <summary>Proves the name of a write.</summary>
    /// <exception cref="ArgumentException">It cannot be sent.</exception>
    public static void CheckIdempotencyKey(string? name)
    {
        if (name is not null
            && (name.Length is 0 or > LongestIdempotencyKey || name.AsSpan().ContainsAnyExceptInRange('!', '~')))
        {
            throw new ArgumentException(
                $"An IdempotencyKey must be 1 to {LongestIdempotencyKey} visible ASCII characters, and is '{name}'.");
        }
    }

    /// <summary>Proves a media type as far as that it can be sent.</summary>
    /// <exception cref="ArgumentException">It cannot be.</exception>
    public static void CheckContentType(string? type)
    {
        if (type is not null && (type.Length == 0 || !IsText(type)))
        {
            throw new ArgumentException(
                $"A ContentType must be visible ASCII, such as application/xml, and is '{type}'.");
        }
    }

    private static bool IsText(string? text) =>
        text is not null && !text.AsSpan().ContainsAnyExceptInRange(' ', '~')
        && !text.StartsWith(' ') && !text.EndsWith(' ');
}
