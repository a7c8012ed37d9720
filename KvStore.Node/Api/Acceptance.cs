using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace KvStore.Node.Api;

/// <summary>The media types that a client takes (RFC 9110, section 12.5.1): the most specific range decides.</summary>
internal sealed class Acceptance
{
    private readonly IList<MediaTypeHeaderValue> _ranges;

    private Acceptance(IList<MediaTypeHeaderValue> ranges) => _ranges = ranges;

    /// <summary>Reads <c>Accept</c>; what cannot be read takes nothing.</summary>
    /// <returns>Null: it takes everything alike.</returns>
    public static Acceptance? Read(StringValues accept) =>
        StringValues.IsNullOrEmpty(accept) || accept is [null or "" or "*/*"] ? null
        : MediaTypeHeaderValue.TryParseStrictList(accept, out var ranges) ? new Acceptance(ranges)
        : new Acceptance([]);

    /// <summary>How much a type is wanted: 0 not at all, 1 at most.</summary>
    public double QualityOf(string type) => Quality(new MediaTypeHeaderValue(type), leastSpecific: 0);

    /// <summary>The same of a stored type, which may have parameters.</summary>
    public double QualityOfStored(string type) =>
        MediaTypeHeaderValue.TryParse(type, out var stored) ? Quality(stored, leastSpecific: 0) : 0;

    /// <summary>How much a type is wanted by its own name; no wildcard counts.</summary>
    public double QualityNamed(string type) => Quality(new MediaTypeHeaderValue(type), leastSpecific: Named);

    private const int Named = 2;

    private double Quality(MediaTypeHeaderValue type, int leastSpecific)
    {
        var (best, quality) = (leastSpecific - 1, 0.0);
        foreach (var range in _ranges)
        {
            var specific = Specificity(range);
            if (specific < best || specific < leastSpecific || !IsIn(type, range))
                continue;
            quality = specific == best ? Math.Max(quality, range.Quality ?? 1) : range.Quality ?? 1;
            best = specific;
        }

        return quality;
    }

    /// <summary>By what is written and no more: to many a client a type that ends in +json is not JSON.</summary>
    private static bool IsIn(MediaTypeHeaderValue type, MediaTypeHeaderValue range)
    {
        if (range.MatchesAllTypes)
            return true;
        if (!type.Type.Equals(range.Type, StringComparison.OrdinalIgnoreCase))
            return false;
        return range.MatchesAllSubTypes
            || (type.SubType.Equals(range.SubType, StringComparison.OrdinalIgnoreCase)
                && range.Parameters.All(parameter => IsQuality(parameter) || Has(type, parameter)));
    }

    private static bool Has(MediaTypeHeaderValue type, NameValueHeaderValue asked) =>
        type.Parameters.Any(parameter =>
            parameter.Name.Equals(asked.Name, StringComparison.OrdinalIgnoreCase)
            && HeaderUtilities.RemoveQuotes(parameter.Value)
                .Equals(HeaderUtilities.RemoveQuotes(asked.Value), StringComparison.OrdinalIgnoreCase));

    private static bool IsQuality(NameValueHeaderValue parameter) =>
        parameter.Name.Equals("q", StringComparison.OrdinalIgnoreCase);

    private static int Specificity(MediaTypeHeaderValue range)
    {
        if (range.MatchesAllTypes)
            return 0;
        if (range.MatchesAllSubTypes)
            return 1;
        return Named + range.Parameters.Count - (range.Quality is null ? 0 : 1);
    }
}
