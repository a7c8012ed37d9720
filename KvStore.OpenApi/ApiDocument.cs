using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace KvStore.OpenApi;

/// <summary>Bytes that never change while the process runs, with their entity tag.</summary>
internal sealed record ServedBytes(ReadOnlyMemory<byte> Bytes, string ContentType)
{
    /// <summary>Names the bytes: strong, with its quotes.</summary>
    public string Etag { get; } = $"\"{Convert.ToHexStringLower(SHA256.HashData(Bytes.Span).AsSpan(0, 16))}\"";
}

/// <summary>The API as OpenAPI 3.1, and the pages of its problems: made once, when first asked for.</summary>
internal static class ApiDocument
{
    private const string Pages = "problems/";
    private const string PageEnd = ".md";

    private static readonly Lazy<ServedBytes> Made = new(Make);

    private static readonly Lazy<FrozenDictionary<string, ServedBytes>> MadePages = new(ReadPages);

    /// <summary>The document.</summary>
    public static ServedBytes Document => Made.Value;

    /// <summary>The pages by code.</summary>
    public static FrozenDictionary<string, ServedBytes> ProblemPages => MadePages.Value;

    private static ServedBytes Make()
    {
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text, new JsonWriterOptions
        {
            Indented = true,
            NewLine = "\n",
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        }))
        {
            new DocumentBuilder().Build().WriteTo(json);
        }

        text.WriteByte((byte)'\n');
        return new ServedBytes(text.ToArray(), "application/json");
    }

    private static FrozenDictionary<string, ServedBytes> ReadPages()
    {
        var assembly = typeof(ApiDocument).Assembly;
        return assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Pages, StringComparison.Ordinal))
            .ToFrozenDictionary(name => name[Pages.Length..^PageEnd.Length], name =>
            {
                using var stream = assembly.GetManifestResourceStream(name)!;
                using var page = new MemoryStream();
                stream.CopyTo(page);
                return new ServedBytes(page.ToArray(), "text/markdown; charset=utf-8");
            });
    }
}
