using System.Diagnostics.CodeAnalysis;
using KvStore.Contracts;
using KvStore.Core.State;
using Microsoft.Extensions.Primitives;

namespace KvStore.Node.Api;

/// <summary>Reads how long a key is to be kept, from header, query and envelope.</summary>
internal static class TtlReader
{
    /// <summary>Reads what stands before the body.</summary>
    /// <returns>Null when it was read; else why not.</returns>
    public static Refusal? Read(StringValues header, string? parameter, KeyRequest read)
    {
        if (header.Count == 0 && parameter is null)
        {
            return read.IsTouch
                ? new Refusal(ProblemType.QueryInvalid, "A touch needs a ttl, such as ?ttl=60s.")
                : null;
        }

        if (read.Verb is not (Verb.Put or Verb.Post or Verb.Patch))
            return new Refusal(
                header.Count > 0 ? ProblemType.HeaderInvalid : ProblemType.QueryInvalid,
                "Only a request that stores or touches a value takes a ttl.");
        if (header.Count > 1)
            return new Refusal(ProblemType.HeaderInvalid, "Kv-Ttl was sent more than once.");
        var (inHeader, inQuery, wrong) = (default(Ttl), default(Ttl), default(string));
        if (header.Count == 1 && !TryParse(header.ToString(), out inHeader, out wrong))
            return new Refusal(ProblemType.HeaderInvalid, wrong);
        if (parameter is not null && !TryParse(parameter, out inQuery, out wrong))
            return new Refusal(ProblemType.QueryInvalid, wrong);
        if (header.Count == 1 && parameter is not null && inHeader != inQuery)
            return new Refusal(ProblemType.QueryInvalid, "Kv-Ttl and the query ask for different things.");
        read.Ttl = parameter is null ? inHeader : inQuery;
        return null;
    }

    /// <summary>Takes what the envelope says, which must not be another thing than what stands before it.</summary>
    /// <returns>Null when it was taken; else what is wrong, as a sentence.</returns>
    public static string? Take(string text, KeyRequest read)
    {
        if (!TryParse(text, out var ttl, out var wrong))
            return "The member ttl: " + wrong;
        if (read.Ttl is { } said && said != ttl)
            return "The member ttl asks for something else than Kv-Ttl or the query does.";
        read.Ttl = ttl;
        return null;
    }

    private static bool TryParse(string text, out Ttl ttl, [NotNullWhen(false)] out string? wrong)
    {
        (ttl, wrong) = (text is "keep" ? Ttl.Keep : Ttl.None, null);
        if (text is "none" or "keep")
            return true;
        var isTime = KvTtl.TryParse(text, out var milliseconds, out wrong);
        if (isTime)
            ttl = Ttl.After(milliseconds);
        else
            wrong += " Or it is none or keep.";
        return isTime;
    }
}
