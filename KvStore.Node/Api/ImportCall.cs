using System.Globalization;
using System.Text;
using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>An import, read but for its body.</summary>
internal sealed class ImportCall
{
    private const string QueryRule =
        "The query takes mode (overwrite or create), first_line (the number of the first line, from 1) and timeout, "
        + "each once.";

    private BucketCall _head = new() { Name = "" };

    /// <summary>The bucket.</summary>
    public string Bucket => _head.Name;

    /// <summary>How long one batch of lines may take; all together may take as long as they do.</summary>
    public TimeSpan Timeout => _head.Timeout;

    /// <summary>Whether keys that are there are left alone; else they are overwritten.</summary>
    public bool IsCreate { get; private set; }

    /// <summary>The number of the first line, for whoever sends the rest of a file.</summary>
    public long FirstLine { get; private set; } = 1;

    /// <summary>Reads everything but the body.</summary>
    /// <returns>Null when it was read; else why not.</returns>
    public static Refusal? Read(HttpContext context, TimeSpan defaultTimeout, out ImportCall call)
    {
        call = new ImportCall();
        call._head = new BucketCall
        {
            Name = context.GetRouteValue("bucket") as string ?? "",
            Timeout = defaultTimeout,
        };
        if (!BucketName.IsValid(call.Bucket))
            return Problems.BucketInvalid;
        var request = context.Request;
        return BucketCallReader.ReadHeaders(request.Headers, ref call._head)
            ?? call.ReadQuery(context)
            ?? RefuseConditions(request.Headers)
            ?? RefuseBody(request);
    }

    private Refusal? ReadQuery(HttpContext context)
    {
        if (QueryPairs.Of(context) is not { } pairs)
            return new Refusal(ProblemType.QueryInvalid, QueryRule);
        foreach (var (name, bytes) in pairs)
        {
            var value = Encoding.UTF8.GetString(bytes);
            switch (name)
            {
                case "timeout":
                    var header = context.Request.Headers[KvHeaders.Timeout];
                    if (BucketCallReader.ReadTimeout(header, value, ref _head) is { } refusal)
                        return refusal;
                    break;
                case "mode" when value is "overwrite" or "create":
                    IsCreate = value is "create";
                    break;
                case "first_line" when long.TryParse(
                    value, NumberStyles.None, CultureInfo.InvariantCulture, out var first)
                    && first is >= 1 and < 1L << 53:
                    FirstLine = first;
                    break;
                default:
                    return new Refusal(ProblemType.QueryInvalid, QueryRule);
            }
        }

        return null;
    }

    private static Refusal? RefuseConditions(IHeaderDictionary headers) =>
        headers.IfMatch.Count + headers.IfNoneMatch.Count == 0
            ? null
            : new Refusal(
                ProblemType.ConditionInvalid,
                "An import takes no If-Match and no If-None-Match; with mode=create it leaves alone what is there.");

    private static Refusal? RefuseBody(HttpRequest request)
    {
        if (request.Headers.ContentEncoding.Count > 0)
            return new Refusal(ProblemType.UnsupportedEncoding, "Send the body without Content-Encoding.");
        if (BodyReader.WrongFraming(request) is { } wrong)
            return new Refusal(ProblemType.BodyInvalid, wrong);
        return MediaTypes.Is(request.ContentType, KvMediaTypes.Lines)
            ? null
            : new Refusal(
                ProblemType.UnsupportedMediaType,
                $"An import takes Content-Type: {KvMediaTypes.Lines}, as an export gives.");
    }
}
