using KvStore.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Scalar.AspNetCore;

namespace KvStore.OpenApi;

/// <summary>Serves the description of the API, alike on nodes and on the balancer.</summary>
public static class DocumentEndpoints
{
    private static readonly string[] Reading = ["GET", "HEAD"];

    /// <summary>
    /// Maps <see cref="Routes.OpenApi"/>, <see cref="Routes.Problem"/> and <see cref="Routes.Scalar"/>. Whoever maps
    /// them answers an unknown code, 404 without a body, as any path that is not there.
    /// </summary>
    public static void MapApiDocument(this IEndpointRouteBuilder routes)
    {
        routes.MapMethods(Routes.OpenApi, Reading, context => SendAsync(context, ApiDocument.Document));
        routes.MapMethods(Routes.Problem, Reading, context =>
        {
            if (ApiDocument.ProblemPages.TryGetValue(context.GetRouteValue("code") as string ?? "", out var page))
                return SendAsync(context, page);
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        });
        routes.MapScalarApiReference(Routes.Scalar, StayHere).AddEndpointFilter(async (call, next) =>
        {
            var answer = await next(call);
            Confine(call.HttpContext);
            return answer;
        });
    }

    /// <summary>The page comes whole from the assembly, and nothing on it asks anybody else for anything.</summary>
    private static void StayHere(ScalarOptions options)
    {
        options.Title = "KvStore API";
        options.OpenApiRoutePattern = Routes.OpenApi;
        options.BundleUrl = null;
        options.ProxyUrl = null;
        options.Telemetry = false;
        options.DefaultFonts = false;
        options.HideClientButton = true;
        options.ShowDeveloperTools = DeveloperToolsVisibility.Never;
        options.DisableAgent().DisableMcp();
        options.DynamicNonce = true;
    }

    /// <summary>The browser holds the page to it.</summary>
    private static void Confine(HttpContext context)
    {
        var nonce = context.Items[ScalarOptions.NonceHttpContextItemKey] is string made ? $"'nonce-{made}' " : "";
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy =
            $"default-src 'none'; script-src {nonce}'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
            + "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
    }

    private static Task SendAsync(HttpContext context, ServedBytes served)
    {
        var (request, response) = (context.Request, context.Response);
        response.Headers.ETag = served.Etag;
        response.Headers.CacheControl = "no-cache";
        if (EtagsIn(request.Headers.IfNoneMatch).Any(tag => tag == "*" || tag == served.Etag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        response.ContentType = served.ContentType;
        response.ContentLength = served.Bytes.Length;
        return HttpMethods.IsHead(request.Method)
            ? Task.CompletedTask
            : response.Body.WriteAsync(served.Bytes, context.RequestAborted).AsTask();
    }

    private static IEnumerable<string> EtagsIn(IEnumerable<string?> lines) => lines
        .SelectMany(line => (line ?? "").Split(',', StringSplitOptions.TrimEntries))
        .Select(tag => tag.StartsWith("W/", StringComparison.Ordinal) ? tag[2..] : tag);
}
