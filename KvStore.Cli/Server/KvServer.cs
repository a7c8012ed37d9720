using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Cli.Server;

/// <summary>
/// One balancer or node, asked over HTTP; whatever goes wrong becomes a <see cref="FailureException"/>.
/// </summary>
internal sealed class KvServer : IDisposable
{
    private const int MaxAnswerBytes = 64 << 20;
    private const int MaxRefusalBytes = 64 << 10;

    /// <summary>How long the words of a refusal may take once it has begun; its status is known by then.</summary>
    private static readonly TimeSpan RefusalPatience = TimeSpan.FromSeconds(5);

    private readonly HttpClient _http;
    private readonly string _prefix;
    private readonly TimeProvider _time;

    /// <summary>Opens nothing yet.</summary>
    /// <param name="url">Where it is.</param>
    /// <param name="time">Measures how long the words of a refusal take.</param>
    /// <param name="patience">How long a request may take; null: as long as the server can have given it.</param>
    public KvServer(Uri url, TimeProvider? time = null, TimeSpan? patience = null)
    {
        Url = url;
        _time = time ?? TimeProvider.System;
        _prefix = url.GetLeftPart(UriPartial.Authority);
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = !url.IsLoopback,    // no proxy can reach this very machine
            ConnectTimeout = TimeSpan.FromSeconds(5),
        };
        _http = new HttpClient(handler)
        {
            Timeout = patience ?? (KvTimeout.Max + TimeSpan.FromSeconds(5)),    // it knows its deadline and is first
            MaxResponseContentBufferSize = MaxAnswerBytes,
        };
    }

    public Uri Url { get; }

    /// <summary>A request for a key, however it must be written; answers that name it are JSON envelopes.</summary>
    /// <param name="method">What to do.</param>
    /// <param name="bucket">Where the key is.</param>
    /// <param name="key">Any text.</param>
    /// <param name="query">More of the query, such as <c>touch</c>; empty when there is none.</param>
    public HttpRequestMessage ForKey(HttpMethod method, string bucket, string key, string query = "")
    {
        var root = bucket == BucketName.Default ? KeyRoot.Envelope : KeyRoot.Raw;
        var target = KeyPath.Write(root, bucket, Encoding.UTF8.GetBytes(key));
        if (root is KeyRoot.Raw && method == HttpMethod.Get)
            query = query.Length == 0 ? "format=json" : $"{query}&format=json";
        return For(method, query.Length == 0 ? target : $"{target}{(target.Contains('?') ? '&' : '?')}{query}");
    }

    /// <summary>A write of a key, named as <see cref="Named"/> says.</summary>
    public HttpRequestMessage ForWrite(HttpMethod method, string bucket, string key, string query = "") =>
        Named(ForKey(method, bucket, key, query));

    /// <summary>
    /// Gives a write a name, so that whoever repeats it on the way repeats this one, with the time in the name: sent
    /// much later, it is refused and not applied again.
    /// </summary>
    public static HttpRequestMessage Named(HttpRequestMessage request)
    {
        request.Headers.Add(KvHeaders.IdempotencyKey, Guid.CreateVersion7().ToString());
        return request;
    }

    /// <summary>A request for a path, sent as it stands here: nothing of it is normalised.</summary>
    public HttpRequestMessage For(HttpMethod method, string target) => new(method, new Uri(
        _prefix + target, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));

    /// <summary>Sends a request and gives the answer, unless it is a refusal.</summary>
    /// <exception cref="FailureException">Nobody answers, or the server refuses.</exception>
    public async Task<HttpResponseMessage> AskAsync(HttpRequestMessage request, CancellationToken stop = default)
    {
        var answer = await SendAsync(request, stop: stop).ConfigureAwait(false);
        if (answer.IsSuccessStatusCode)
            return answer;
        using (answer)
            throw await RefusalAsync(answer, stop).ConfigureAwait(false);
    }

    /// <summary>As <see cref="AskAsync"/>, but an answer that has only begun is given, too: it may never end.</summary>
    /// <exception cref="FailureException">Nobody answers, or the server refuses.</exception>
    /// <exception cref="OperationCanceledException">The caller does not want it any more.</exception>
    public async Task<HttpResponseMessage> OpenAsync(HttpRequestMessage request, CancellationToken stop = default)
    {
        var answer = await SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop).ConfigureAwait(false);
        if (answer.IsSuccessStatusCode)
            return answer;
        using (answer)
            throw await RefusalAsync(answer, stop).ConfigureAwait(false);
    }

    /// <summary>Sends a request and gives the answer, whatever it is.</summary>
    /// <exception cref="FailureException">Nobody answers.</exception>
    /// <exception cref="OperationCanceledException">The caller does not want it any more.</exception>
    public async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request,
        HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead,
        CancellationToken stop = default)
    {
        using (request)
        {
            try
            {
                return await _http.SendAsync(request, completion, stop).ConfigureAwait(false);
            }
            catch (HttpRequestException failure) when (failure.HttpRequestError is HttpRequestError.ConnectionError
                or HttpRequestError.NameResolutionError)
            {
                throw new FailureException(
                    $"{_prefix} cannot be reached: {failure.GetBaseException().Message.TrimEnd('.')}. "
                    + "`kv dev` starts a cluster here; --server or KVSTORE_SERVER names another.",
                    ExitCodes.Unavailable,
                    failure);
            }
            catch (Exception failure) when (failure is HttpRequestException or SocketException
                || (failure is OperationCanceledException && !stop.IsCancellationRequested))
            {
                var outcome = request.Method == HttpMethod.Get ? "" : " Whether the write was applied is not known.";
                throw new FailureException(
                    $"{_prefix} gave no answer: {failure.GetBaseException().Message.TrimEnd('.')}.{outcome}",
                    ExitCodes.Unavailable,
                    failure);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<FailureException> RefusalAsync(HttpResponseMessage answer, CancellationToken stop = default)
    {
        if (answer.Content.Headers.ContentType?.MediaType == Problem.MediaType
            && await ReadProblemAsync(answer, stop).ConfigureAwait(false) is { } problem)
        {
            return new FailureException(problem.Describe(), ExitCodeOf(problem))
            {
                Code = problem.Code,
                Applied = problem.Applied,
            };
        }

        var isAway = answer.StatusCode is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable
            or HttpStatusCode.GatewayTimeout;
        return new FailureException(
            $"{_prefix} answered {(int)answer.StatusCode} without saying why; is it a KvStore?",
            isAway ? ExitCodes.Unavailable : ExitCodes.Failed);
    }

    /// <summary>Null: it does not come, or is none.</summary>
    private async Task<Problem?> ReadProblemAsync(HttpResponseMessage answer, CancellationToken stop)
    {
        using var late = new CancellationTokenSource(RefusalPatience, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, stop);
        try
        {
            await answer.Content.LoadIntoBufferAsync(MaxRefusalBytes, either.Token).ConfigureAwait(false);
            var body = await answer.Content.ReadAsByteArrayAsync(stop).ConfigureAwait(false);
            return JsonSerializer.Deserialize(body, ContractsJson.Default.Problem);
        }
        catch (Exception failure) when (failure is JsonException or HttpRequestException or IOException
            || (failure is OperationCanceledException && !stop.IsCancellationRequested))
        {
            return null;
        }
    }

    private static int ExitCodeOf(Problem problem) =>
        problem.Code == ProblemType.NotFound.Code || problem.Code == ProblemType.BucketNotFound.Code
            ? ExitCodes.NotFound
        : problem.Code == ProblemType.PreconditionFailed.Code ? ExitCodes.Precondition
        : problem.Retryable ? ExitCodes.Unavailable
        : ExitCodes.Failed;
}
