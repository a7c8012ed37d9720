using KvStore.Contracts;
using Microsoft.Extensions.Primitives;

namespace KvStore.Node.Api;

/// <summary>The forms that an entry can be shown in.</summary>
internal enum Face
{
    /// <summary>As JSON, with its value.</summary>
    Json,

    /// <summary>The stored bytes under their stored type.</summary>
    Raw,

    /// <summary>As JSON, what is known of it without its value.</summary>
    Meta,
}

/// <summary>
/// Which face an answer has: that of the path, unless <c>?format=</c> says another one, or else <c>Accept</c> names
/// the type of an entry. A write has its effect anyway, so none is refused for what it accepts.
/// </summary>
internal static class Faces
{
    /// <summary>Reads what the request says of it.</summary>
    /// <returns>Null when it was read; else why not.</returns>
    public static Refusal? Read(StringValues accept, string? format, KeyRequest read)
    {
        read.Face = read.Root is KeyRoot.Envelope ? Face.Json : Face.Raw;
        if (format is not null)
            return ReadFormat(format, read);
        if ((read.Face is Face.Json && accept is [MediaTypes.Json]) || Acceptance.Read(accept) is not { } accepted)
            return null;
        if (read.Verb is not (Verb.Get or Verb.Head))
        {
            if (accepted.QualityNamed(KvMediaTypes.Entry) > 0)
                ShowEntry(read);
            return null;
        }

        if (read.Face is Face.Raw)
        {
            read.Accepted = accepted;    // what is stored decides
            return null;
        }

        var (json, entry) = (accepted.QualityOf(MediaTypes.Json), accepted.QualityNamed(KvMediaTypes.Entry));
        if (entry > 0 && entry >= json)
            ShowEntry(read);
        return json > 0 || entry > 0
            ? null
            : new Refusal(ProblemType.NotAcceptable, $"An entry is given here as {MediaTypes.Json}.");
    }

    /// <summary>Decides between both faces of a value whose type is known now.</summary>
    /// <returns>Null when there is one that the client takes; else the refusal.</returns>
    public static Refusal? Settle(KeyRequest request, string storedType)
    {
        if (request.Accepted is not { } accepted)
            return null;
        var (raw, entry) = (accepted.QualityOfStored(storedType), accepted.QualityNamed(KvMediaTypes.Entry));
        if (entry > 0 && entry >= raw)
            ShowEntry(request);
        return raw > 0 || entry > 0
            ? null
            : new Refusal(
                ProblemType.NotAcceptable, $"The value can be given as it is stored, or as {KvMediaTypes.Entry}.");
    }

    private static Refusal? ReadFormat(string format, KeyRequest read)
    {
        var (face, isKnown) = format switch
        {
            "json" => (Face.Json, true),
            "raw" => (Face.Raw, true),
            "meta" => (Face.Meta, true),
            _ => (default, false),
        };
        read.Face = face;
        return isKnown ? null : new Refusal(ProblemType.QueryInvalid, "The format must be raw, json or meta.");
    }

    private static void ShowEntry(KeyRequest request) =>
        (request.Face, request.JsonType) = (Face.Json, KvMediaTypes.Entry);
}
