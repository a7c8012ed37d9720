using System.Diagnostics;

namespace KvStore.ServiceDefaults;

/// <summary>
/// What the spans of requests that come in and of those that go out have in common: names and tags of OpenTelemetry's
/// conventions for HTTP (https://opentelemetry.io/docs/specs/semconv/http/http-spans), and no key in any of them.
/// </summary>
internal static class HttpSpans
{
    /// <summary>The source's name.</summary>
    internal const string Name = "KvStore.Http";

    internal const string MethodTag = "http.request.method";
    internal const string RouteTag = "http.route";
    internal const string ServerTag = "server.address";
    internal const string PortTag = "server.port";
    internal const string ProtocolTag = "network.protocol.version";
    internal const string SchemeTag = "url.scheme";
    internal const string UrlTag = "url.full";

    /// <summary>The conventions want one of every server's span: the route, as the path itself may be a key.</summary>
    internal const string PathTag = "url.path";

    /// <summary>What any method is called that is none of HTTP's: clients may send what they like.</summary>
    internal const string OtherMethod = "_OTHER";

    private const string StatusTag = "http.response.status_code";
    private const string ErrorTag = "error.type";

    internal static readonly ActivitySource Source = new(Name);

    /// <summary>What a method is called.</summary>
    internal static string MethodOf(string method) =>
        method is "GET" or "HEAD" or "PUT" or "POST" or "PATCH" or "DELETE" or "OPTIONS" or "CONNECT" or "TRACE"
            ? method
            : OtherMethod;

    /// <summary>What a span is called by its method.</summary>
    internal static string VerbOf(string method) => method is OtherMethod ? "HTTP" : method;

    /// <summary>What was answered; from <paramref name="errorsFrom"/> on it is an error.</summary>
    internal static void Answered(Activity span, int status, int errorsFrom)
    {
        span.SetTag(StatusTag, status);
        if (status < errorsFrom)
            return;
        span.SetTag(ErrorTag, $"{status}");
        span.SetStatus(ActivityStatusCode.Error);
    }

    /// <summary>There was no answer.</summary>
    internal static void Failed(Activity span, Exception failure)
    {
        span.SetTag(ErrorTag, failure.GetType().FullName);
        span.SetStatus(ActivityStatusCode.Error);
    }
}
