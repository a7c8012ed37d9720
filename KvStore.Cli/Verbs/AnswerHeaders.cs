using System.Globalization;
using KvStore.Contracts;

namespace KvStore.Cli.Verbs;

/// <summary>What the headers of an answer say of a key.</summary>
internal static class AnswerHeaders
{
    public static string? Text(this HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? values.First() : null;

    public static long? Number(this HttpResponseMessage answer, string name) =>
        long.TryParse(answer.Text(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    public static string? Etag(this HttpResponseMessage answer) => answer.Headers.ETag?.ToString();

    public static long Version(this HttpResponseMessage answer) => answer.Number(KvHeaders.Version) ?? 0;
}
