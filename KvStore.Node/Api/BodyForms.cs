using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>What a request's body is.</summary>
internal enum BodyForm
{
    /// <summary>There is none.</summary>
    None,

    /// <summary>The value's bytes.</summary>
    Value,

    /// <summary>A JSON envelope around the value.</summary>
    Envelope,

    /// <summary>A JSON merge patch.</summary>
    MergePatch,

    /// <summary>What is to be added to a number.</summary>
    Increment,

    /// <summary>A patch of a kind that is not taken.</summary>
    OtherPatch,
}

/// <summary>Tells what a body is by method, path and type, and reads it.</summary>
internal static class BodyForms
{
    /// <summary>Sets <see cref="KeyRequest.Form"/>, by what stands before the body.</summary>
    /// <param name="contentType">The body's type as it came; null when there was none.</param>
    /// <param name="format">The query's format; null when there is none.</param>
    /// <param name="read">The request.</param>
    public static void Choose(string? contentType, string? format, KeyRequest read) => read.Form = read.Verb switch
    {
        Verb.Put => BodyForm.Value,
        Verb.Post when read.IsTouch => BodyForm.None,
        Verb.Post when MediaTypes.Is(contentType, KvMediaTypes.Entry) => BodyForm.Envelope,
        Verb.Post when format is "json" || (format is not "raw" && read.Root is KeyRoot.Envelope) => BodyForm.Envelope,
        Verb.Post => BodyForm.Value,
        Verb.Patch when MediaTypes.Is(contentType, KvMediaTypes.MergePatch) => BodyForm.MergePatch,
        Verb.Patch when MediaTypes.Is(contentType, KvMediaTypes.Increment) => BodyForm.Increment,
        Verb.Patch => BodyForm.OtherPatch,
        _ => BodyForm.None,
    };

    /// <summary>Refuses a body by its type alone.</summary>
    public static Refusal? RefuseType(KeyRequest request)
    {
        var type = request.BodyType;
        return request.Form switch
        {
            BodyForm.Envelope when !MediaTypes.IsJson(type) && !MediaTypes.Is(type, KvMediaTypes.Entry) =>
                Refused($"POST takes an envelope here, as {MediaTypes.Json} or {KvMediaTypes.Entry}."),
            BodyForm.OtherPatch =>
                Refused("Accept-Patch lists what PATCH takes.") with { AcceptPatch = KvMediaTypes.Patches },
            BodyForm.Value when type is not null && !MediaTypes.IsValid(type) => new Refusal(
                ProblemType.HeaderInvalid, "Content-Type is not a MIME type of at most 255 characters.")
            {
                ClosesConnection = true,
            },
            _ => null,
        };
    }

    /// <summary>Reads a body that has arrived.</summary>
    /// <returns>Null when it was read; else why not.</returns>
    public static Refusal? Read(KeyRequest request, BodyReader bodies)
    {
        request.MaxValueBytes = bodies.MaxValueBytes;
        var wrong = request.Form switch
        {
            BodyForm.Envelope => EntryReader.Read(request),
            BodyForm.MergePatch => PatchReader.ReadMerge(request),
            BodyForm.Increment => PatchReader.ReadIncrement(request),
            _ => null,
        };
        if (wrong is not null)
            return new Refusal(ProblemType.BodyInvalid, wrong);
        if (request.Form is BodyForm.Value)
            (request.Value, request.ContentType) = (request.Body, request.BodyType ?? MediaTypes.Binary);
        return request.Value.Length > bodies.MaxValueBytes ? bodies.TooLarge : null;
    }

    private static Refusal Refused(string detail) =>
        new(ProblemType.UnsupportedMediaType, detail) { ClosesConnection = true };
}
