using KvStore.Contracts;
using KvStore.Node.Replication;
using KvStore.Node.Storage;

namespace KvStore.Node.Api;

/// <summary>Captures on demand what else is captured once per interval.</summary>
internal sealed class SnapshotsApi(RequestShell shell, JsonAnswers answers, Snapshotter snapshotter, INodeStatus node)
{
    /// <summary>Answers when all is on the disk.</summary>
    public Task AnswerAsync(HttpContext context) =>
        shell.RunAsync(context, operation: null, () => HandleAsync(context));

    private async ValueTask<Refusal?> HandleAsync(HttpContext context)
    {
        if (BodyReader.RefuseAny(context.Request, "A snapshot takes no body.") is { } refusal)
            return refusal;
        if (context.Request.QueryString.HasValue)
            return new Refusal(ProblemType.QueryInvalid, "A snapshot takes no query.");
        if (node.Cluster() is null)
            return Problems.NotReady;
        try
        {
            var partitions = await snapshotter.CaptureAllAsync(context.RequestAborted);
            var saved = new SnapshotResponse([new NodeSnapshot(node.Name, partitions)]);
            await answers.SendAsync(context, saved, ContractsJson.Default.SnapshotResponse);
            return null;
        }
        catch (NoRoomException full)
        {
            return new Refusal(ProblemType.DiskLow, $"{full.Message} The log stays as it is; nothing is lost.");
        }
    }
}
