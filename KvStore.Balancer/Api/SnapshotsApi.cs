using System.Text.Json;
using KvStore.Balancer.Membership;
using KvStore.Contracts;

namespace KvStore.Balancer.Api;

/// <summary>Has every node take a snapshot, all at the same time.</summary>
internal sealed class SnapshotsApi(CurrentView views, NodeProbe probe)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(100);

    /// <summary>Answers when each has it on its disk, or says whose is missing.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        if (context.Request.ContentLength is > 0 || context.Request.Headers.TransferEncoding.Count > 0)
        {
            await Problems.WriteAsync(context, ProblemType.BodyNotAllowed, "A snapshot takes no body.");
            return;
        }

        if (context.Request.QueryString.HasValue)
        {
            await Problems.WriteAsync(context, ProblemType.QueryInvalid, "A snapshot takes no query.");
            return;
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        patience.CancelAfter(Patience);
        var nodes = await Task.WhenAll(views.Value.Nodes.Select(node => CaptureAsync(node.Url, patience.Token)));
        context.RequestAborted.ThrowIfCancellationRequested();
        var failed = nodes.Where(node => node.Why is not null).ToList();
        var saved = nodes.SelectMany(node => node.Saved?.Nodes ?? []).ToList();
        if (failed.Count == 0 && saved.Count > 0)
        {
            context.Response.Headers.CacheControl = "no-cache";
            await context.Response.WriteAsJsonAsync(
                new SnapshotResponse([.. saved]), ContractsJson.Default.SnapshotResponse);
            return;
        }

        var why = failed.Select(node => $"{node.Url.Authority}: {node.Why}");
        await Problems.WriteAsync(
            context,
            ProblemType.NotReady,
            $"Taken on {saved.Count} of {nodes.Length} nodes. {string.Join(' ', why)}",
            saved.Count > 0 ? Applied.Unknown : Applied.No,
            retryAfterSeconds: 1);
    }

    private async Task<(Uri Url, SnapshotResponse? Saved, string? Why)> CaptureAsync(
        Uri url, CancellationToken cancellation)
    {
        try
        {
            return (url, await probe.CaptureAsync(url, cancellation), null);
        }
        catch (OperationCanceledException)
        {
            return (url, null, $"It took longer than {Patience.TotalSeconds} s.");
        }
        catch (Exception failure) when (failure is HttpRequestException or JsonException)
        {
            return (url, null, failure.Message);
        }
    }
}
