using System.Net.Http.Headers;
using System.Net.Sockets;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Node.Replication;
using KvStore.Node.Storage;
using KvStore.Node.Telemetry;
using KvStore.ServiceDefaults;

namespace KvStore.Node.Api;

/// <summary>What became of a request that was sent to another node.</summary>
internal enum ForwardResult
{
    /// <summary>That node's answer went to the client.</summary>
    Answered,

    /// <summary>It certainly did nothing there.</summary>
    NotApplied,

    /// <summary>It may have done something there.</summary>
    Unknown,
}

/// <summary>
/// Sends a request on to a partition's primary, under the id that it carries from hop to hop: a retry is applied at
/// most once. Where to send comes from <see cref="IPartitions"/> alone, never from a request.
/// </summary>
internal sealed class PrimaryForwarder(
    IPartitions partitions, INodeStatus node, Problems problems, TimeProvider time, ILogger<PrimaryForwarder> logger)
    : IDisposable
{
    /// <summary>How long an answer is still awaited from a primary that is no longer believed in.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(250);

    private readonly HttpMessageInvoker _client = new(new ClientSpans(new SocketsHttpHandler
    {
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        ConnectTimeout = TimeSpan.FromSeconds(2),
        MaxConnectionsPerServer = 1024,
        PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
        PooledConnectionLifetime = TimeSpan.FromMinutes(10),
        ActivityHeadersPropagator = null,
    }));

    /// <summary>One attempt at one member.</summary>
    public async ValueTask<ForwardResult> TryAsync(
        HttpContext context, KeyRequest request, PartitionId partition, NodeId member, CancellationToken deadline)
    {
        if (member == NodeId.None || partitions.AddressOf(member) is not { } address)
            return ForwardResult.NotApplied;
        using var attempt = CancellationTokenSource.CreateLinkedTokenSource(deadline);
        using var message = ForwardMessage.Create(request, address, time);
        var sentAt = time.GetTimestamp();
        NodeTracing.Tell(NodeTracing.Route, request.StartedAt, sentAt, time);
        Failpoints.Reached(Failpoint.HopBegun);
        try
        {
            var sending = SendAsync(context, message, request, sentAt, attempt.Token);
            await GiveUpWhenMovedAsync(sending, partition, member, attempt);
            return await sending;
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException or OperationCanceledException
            or SocketException)    // bare when the connection is reset while it opens
        {
            logger.ForwardFailed(
                problems.IdOf(context),
                member: member.Value,
                partition: partition.Value,
                reason: failure.GetType().Name);
            return message.Content is ForwardedContent { WasSent: true }
                ? ForwardResult.Unknown
                : ForwardResult.NotApplied;
        }
        finally
        {
            await attempt.CancelAsync();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    /// <summary>A primary that hangs is not waited for until the deadline once there is another.</summary>
    private async ValueTask GiveUpWhenMovedAsync(
        Task sending, PartitionId partition, NodeId member, CancellationTokenSource attempt)
    {
        if (sending.IsCompleted)
            return;
        var moved = partitions.PrimaryChangedAsync(partition, member, attempt.Token);
        if (await Task.WhenAny(sending, moved) == moved)
            attempt.CancelAfter(Grace);
    }

    private async Task<ForwardResult> SendAsync(
        HttpContext context, HttpRequestMessage message, KeyRequest request, long sentAt, CancellationToken attempt)
    {
        using var response = await _client.SendAsync(message, attempt);
        if ((int)response.StatusCode == ProblemType.NotPrimary.Status)
            return ForwardResult.NotApplied;
        var body = await ForwardedBody.ReadAsync(response.Content, attempt);
        if (ForwardedBody.Verdict(response, body) is { } retry)
            return retry;
        if (request.MayBeApplied && ForwardedBody.ClaimsNothingApplied(response, body))
            return ForwardResult.Unknown;
        Failpoints.Reached(Failpoint.HopAnswered);
        CopyHeaders(response, context.Response);
        AddTiming(context.Response.Headers, time.GetElapsedTime(request.StartedAt, sentAt));
        context.Response.ContentLength = response.Content.Headers.ContentLength;
        if (body.Length > 0)
            await context.Response.Body.WriteAsync(body, context.RequestAborted);
        return ForwardResult.Answered;
    }

    private void AddTiming(IHeaderDictionary headers, TimeSpan route)
    {
        if (headers.TryGetValue(KvHeaders.ServerTiming, out var rest))
            headers[KvHeaders.ServerTiming] = ServerTiming.Format(node.Name, route, rest.ToString());
    }

    private static void CopyHeaders(HttpResponseMessage from, HttpResponse to)
    {
        to.StatusCode = (int)from.StatusCode;
        Copy(from.Headers.NonValidated, to.Headers);
        Copy(from.Content.Headers.NonValidated, to.Headers);

        static void Copy(HttpHeadersNonValidated headers, IHeaderDictionary into)
        {
            foreach (var (name, values) in headers)
            {
                if (name is not ("Connection" or "Keep-Alive" or "Transfer-Encoding" or "Date" or "Content-Length"))
                    into[name] = values.ToString();
            }
        }
    }
}
