using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace KvStore.Node.Api;

/// <summary>Queries as they were sent: decoded once, and a plus is a plus.</summary>
internal static class QueryPairs
{
    /// <summary>The pairs of a request's query.</summary>
    /// <returns>Null: not all of it is name=value, or a name is there twice.</returns>
    public static List<(string Name, byte[] Value)>? Of(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        return Of(target[(target.IndexOf('?') is >= 0 and var mark ? mark + 1 : target.Length)..]);
    }

    /// <summary>The pairs of a query without its question mark.</summary>
    /// <returns>Null: not all of it is name=value, or a name is there twice.</returns>
    public static List<(string Name, byte[] Value)>? Of(string query)
    {
        var pairs = new List<(string Name, byte[] Value)>();
        if (query.Length == 0)
            return pairs;
        foreach (var range in query.AsSpan().Split('&'))
        {
            var pair = query.AsSpan(range);
            var equals = pair.IndexOf('=');
            if (equals < 0 || !TryDecode(pair[..equals], out var bytes)
                || !TryDecode(pair[(equals + 1)..], out var value))
                return null;
            var name = Encoding.UTF8.GetString(bytes);
            if (pairs.Exists(known => known.Name == name))
                return null;
            pairs.Add((name, value));
        }

        return pairs;
    }

    private static bool TryDecode(ReadOnlySpan<char> text, out byte[] bytes)
    {
        bytes = new byte[text.Length];
        var length = 0;
        for (var at = 0; at < text.Length; at++)
        {
            if (text[at] == '%')
            {
                if (at + 2 >= text.Length
                    || !byte.TryParse(
                        text.Slice(at + 1, 2),
                        NumberStyles.AllowHexSpecifier,
                        CultureInfo.InvariantCulture,
                        out var octet))
                    return false;
                bytes[length++] = octet;
                at += 2;
            }
            else if (text[at] is > '\x20' and < '\x7F' and not ('#' or '\\'))
            {
                bytes[length++] = (byte)text[at];
            }
            else
            {
                return false;
            }
        }

        Array.Resize(ref bytes, length);
        return true;
    }
}
