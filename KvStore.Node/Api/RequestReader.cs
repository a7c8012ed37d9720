using KvStore.Contracts;
using KvStore.Node.Replication;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace KvStore.Node.Api;

/// <summary>
/// Reads everything of a request but its body. What it does not know it refuses: a misspelt parameter must not
/// quietly turn into a weaker promise.
/// </summary>
internal sealed class RequestReader(IOptions<ApiOptions> options, HopIds hopIds)
{
    /// <summary>The methods a key takes.</summary>
    public const string Allowed = Routes.KeyMethods;

    private static readonly StringValues None = StringValues.Empty;

    /// <summary>Reads a request for a key.</summary>
    /// <returns>Null when <paramref name="request"/> was read; else why not.</returns>
    public Refusal? Read(HttpContext context, KeyTarget.Key target, out KeyRequest? request)
    {
        request = null;
        if (!TryReadVerb(context.Request.Method, out var verb))
            return NotAllowed(context.Request.Method);
        var read = new KeyRequest
        {
            Verb = verb,
            RawTarget = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            Bucket = target.Bucket,
            Root = target.Root,
            Key = target.Bytes,
            Headers = context.Request.Headers,
            Ack = options.Value.DefaultAck,
            Consistency = options.Value.DefaultConsistency,
            Timeout = options.Value.DefaultTimeout,
        };
        var headers = context.Request.Headers;
        var refusal = ReadOwn(headers, target.Query, read)
            ?? RequestConditions.Read(headers, read)
            ?? ReadIdempotencyKey(headers, read)
            ?? RefuseBody(context, read);
        if (refusal is not null)
            return refusal;
        WaitReader.Read(headers, read);
        request = read;
        return null;
    }

    /// <summary>A method that no key takes.</summary>
    public static Refusal NotAllowed(string method) => new(
        ProblemType.MethodNotAllowed,
        $"A key does not take {(method.Length <= 16 ? method : "this method")}; Allow lists those it takes.")
    {
        Allow = Allowed,
    };

    private static bool TryReadVerb(string method, out Verb verb)
    {
        (verb, var isKnown) = method switch
        {
            "GET" => (Verb.Get, true),
            "HEAD" => (Verb.Head, true),
            "PUT" => (Verb.Put, true),
            "POST" => (Verb.Post, true),
            "PATCH" => (Verb.Patch, true),
            "DELETE" => (Verb.Delete, true),
            "OPTIONS" => (Verb.Options, true),
            _ => (default, false),
        };
        return isKnown;
    }

    /// <summary>Reads the parameters of the API itself, which may stand in a header or in the query.</summary>
    private Refusal? ReadOwn(IHeaderDictionary headers, string query, KeyRequest read)
    {
        var (consistency, session, ack, timeout, forward, hop) = (None, None, None, None, None, None);
        var (ttl, hasMetadata) = (None, false);
        foreach (var (name, values) in headers)
        {
            if (!OwnHeaders.Has(name))
                continue;
            if (OwnHeaders.Is(name, KvHeaders.Consistency))
                consistency = values;
            else if (OwnHeaders.Is(name, KvHeaders.Session))
                session = values;
            else if (OwnHeaders.Is(name, KvHeaders.Ack))
                ack = values;
            else if (OwnHeaders.Is(name, KvHeaders.Timeout))
                timeout = values;
            else if (OwnHeaders.Is(name, KvHeaders.Forward))
                forward = values;
            else if (OwnHeaders.Is(name, KvHeaders.HopRequestId))
                hop = values;
            else if (OwnHeaders.Is(name, KvHeaders.Ttl))
                ttl = values;
            else if (MetadataReader.Is(name))
                hasMetadata = true;
            else if (!OwnHeaders.IsOfAnswers(name))
                return new Refusal(ProblemType.HeaderInvalid, UnknownHeader);
        }

        return QueryParameters.Read(query, out var parameters)
            ?? ConsistencyReader.Read(consistency, session, headers, parameters, read)
            ?? ReadAck(ack, parameters.Ack, read)
            ?? ReadTimeout(timeout, parameters.Timeout, read)
            ?? ReadHop(forward, hop, read)
            ?? ReadForms(headers, parameters, read)
            ?? TtlReader.Read(ttl, parameters.Ttl, read)
            ?? (hasMetadata ? MetadataReader.Read(headers, read) : null);
    }

    private const string UnknownHeader =
        "A header that starts with Kv- is not one of this API's; headers with that prefix are never ignored.";

    /// <summary>What the body is, and what the answer is to be.</summary>
    private static Refusal? ReadForms(IHeaderDictionary headers, QueryParameters parameters, KeyRequest read)
    {
        if (parameters.IsTouch && read.Verb is not Verb.Post)
            return new Refusal(ProblemType.QueryInvalid, "The parameter touch goes with POST.");
        read.IsTouch = parameters.IsTouch;
        BodyForms.Choose(headers.ContentType, parameters.Format, read);
        if (read.IsWrite && headers.TryGetValue(KvHeaders.Prefer, out var prefer))
            read.Returns = ReturnPreferences.Read(prefer);
        return Faces.Read(headers.Accept, parameters.Format, read);
    }

    private static Refusal? ReadAck(StringValues header, string? parameter, KeyRequest read)
    {
        if (Pick(header, parameter, KvHeaders.Ack, out var word) is { } refusal)
            return refusal;
        if (word is null)
            return null;
        read.IsAckInQuery = parameter is not null;
        read.Ack = word switch
        {
            "one" => Ack.One,
            "all" => Ack.All,
            _ => Ack.Quorum,
        };
        return word is "one" or "quorum" or "all" ? null : Invalid(header, "The ack must be one, quorum or all.");
    }

    private static Refusal? ReadTimeout(StringValues header, string? parameter, KeyRequest read)
    {
        var refusal = TimeoutReader.Read(header, parameter, out var timeout);
        read.Timeout = timeout ?? read.Timeout;
        return refusal;
    }

    private Refusal? ReadHop(StringValues forward, StringValues hop, KeyRequest read)
    {
        if (forward.Count > 0 && forward is not ["never"])
            return new Refusal(ProblemType.HeaderInvalid, "Kv-Forward has one value: never.");
        if (hop.Count > 0 && RequestIds.RefuseHop(hop) is { } nameless)
            return nameless;
        read.IsForwardedNever = forward.Count == 1;
        if (read.IsWrite)
            read.HopRequestId = hop.Count == 1 ? hop.ToString() : hopIds.Next();
        return null;
    }

    /// <summary>One word from header or query; null when it stands in neither.</summary>
    public static Refusal? Pick(StringValues header, string? parameter, string name, out string? word)
    {
        word = parameter ?? (header.Count == 0 ? null : header[0] ?? "");
        if (header.Count > 1)
            return new Refusal(ProblemType.HeaderInvalid, $"{name} was sent more than once.");
        return parameter is not null && header.Count == 1 && header[0] != parameter
            ? new Refusal(ProblemType.QueryInvalid, $"{name} and the query ask for different things.")
            : null;
    }

    /// <summary>A value that came in a header, or else in the query, is none.</summary>
    public static Refusal Invalid(StringValues header, string detail) =>
        new(header.Count > 0 ? ProblemType.HeaderInvalid : ProblemType.QueryInvalid, detail);

    private static Refusal? ReadIdempotencyKey(IHeaderDictionary headers, KeyRequest read)
    {
        if (!headers.TryGetValue(KvHeaders.IdempotencyKey, out var values) || !read.IsWrite)
            return null;
        read.IdempotencyKey = values.ToString();
        return RequestIds.RefuseKey(values);
    }

    private static Refusal? RefuseBody(HttpContext context, KeyRequest read)
    {
        if (BodyReader.WrongFraming(context.Request) is { } wrong)
            return new Refusal(ProblemType.BodyInvalid, wrong) { ClosesConnection = true };
        return read.HasBody || read.Verb is Verb.Options
            ? null
            : BodyReader.RefuseAny(context.Request, "GET, HEAD, DELETE and a touch take no body.");
    }
}
