using System.Collections.Frozen;
using KvStore.Contracts;
using KvStore.Node.Replication;
using Microsoft.Net.Http.Headers;

namespace KvStore.Node.Api;

/// <summary>The request as it goes to another node.</summary>
internal static class ForwardMessage
{
    private static readonly FrozenSet<string> Passed = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "Accept",
        "Range",
        "If-Range",
        KvHeaders.Ttl,
        KvHeaders.Prefer,
        KvHeaders.ContentDigest,
        KvHeaders.WantContentDigest);

    /// <summary>
    /// The path and query go byte for byte. The words that this node's configuration stood in for are spelt out, since
    /// the other node's may differ.
    /// </summary>
    public static HttpRequestMessage Create(KeyRequest request, Uri address, TimeProvider time)
    {
        var uri = new Uri(
            address.GetLeftPart(UriPartial.Authority) + request.RawTarget,
            new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        var message = new HttpRequestMessage(MethodOf(request.Verb), uri);
        Add(message, KvHeaders.Forward, "never");
        var left = KvTimeout.ForNextHop(request.TimeoutLeft(time), request.Timeout);
        Add(message, KvHeaders.Timeout, KvTimeout.Format(left));
        Add(message, KvHeaders.Prefer, WaitReader.Write(request.WaitLeft(time)));
        if (!request.IsConsistencyInQuery)
            Add(message, KvHeaders.Consistency, ConsistencyWords.Of(LevelFor(request)));
        Add(message, KvHeaders.Session, request.Session?.Format());
        if (!request.IsAckInQuery)
            Add(message, KvHeaders.Ack, WordFor(request));
        Add(message, KvHeaders.IdempotencyKey, request.IdempotencyKey);
        Add(message, KvHeaders.HopRequestId, request.HopRequestId);
        Add(message, "If-Match", request.IfMatchText);
        Add(message, "If-None-Match", request.IfNoneMatchText);
        AddPassed(message, request);
        if (request.IsWrite)    // also of a delete, which has no body: the content tells whether it was sent
            message.Content = new ForwardedContent(request.Body);
        if (request.BodyType is { } type)
            message.Content?.Headers.TryAddWithoutValidation("Content-Type", type);
        return message;
    }

    private static void Add(HttpRequestMessage message, string name, string? value)
    {
        if (value is not null)
            message.Headers.TryAddWithoutValidation(name, value);
    }

    /// <summary>What only the node that answers looks at: it must come to the same answer as this one would.</summary>
    private static void AddPassed(HttpRequestMessage message, KeyRequest request)
    {
        if (request.Headers is null)
            return;
        Add(message, HeaderNames.TraceParent, request.Headers.TraceParent);    // replaced where it is traced
        Add(message, HeaderNames.TraceState, request.Headers.TraceState);
        foreach (var (name, values) in request.Headers)
        {
            if (name.Equals(KvHeaders.Prefer, StringComparison.OrdinalIgnoreCase) && request.Wait > TimeSpan.Zero)
                continue;    // what is left of the wait stands there already
            if (Passed.Contains(name) || MetadataReader.Is(name))
                Add(message, name, values.ToString());
        }
    }

    private static HttpMethod MethodOf(Verb verb) => verb switch
    {
        Verb.Get => HttpMethod.Get,
        Verb.Head => HttpMethod.Head,
        Verb.Put => HttpMethod.Put,
        Verb.Post => HttpMethod.Post,
        Verb.Patch => HttpMethod.Patch,
        Verb.Delete => HttpMethod.Delete,
        _ => throw new ArgumentOutOfRangeException(nameof(verb)),
    };

    /// <summary>
    /// What is passed on could not be served here. The target's max_staleness goes with it and asks for its word.
    /// </summary>
    private static Consistency LevelFor(KeyRequest request) =>
        request.TakesAnyCopy ? Consistency.Eventual
        : request.IsMaxStalenessInQuery ? Consistency.Bounded
        : Consistency.Strong;

    private static string WordFor(KeyRequest request) => request.EffectiveAck switch
    {
        Ack.One => "one",
        Ack.All => "all",
        _ => "quorum",
    };
}
