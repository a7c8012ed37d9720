using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>Tells how far an operation has come, and ends it before its time.</summary>
internal sealed class OperationsApi(
    RequestShell shell, JsonAnswers answers, LongOperations operations, INodeStatus node)
{
    private static Refusal NotFound { get; } = new(
        ProblemType.OperationNotFound,
        "This node knows of no operation of this id: it never began, ended long ago, or the node was started anew and "
            + "it ended with the node that it ran on.");

    /// <summary>Answers a request for one of them.</summary>
    public Task AnswerAsync(HttpContext context) =>
        shell.RunAsync(context, "operation", () => HandleAsync(context));

    private async ValueTask<Refusal?> HandleAsync(HttpContext context)
    {
        if (BodyReader.RefuseAny(context.Request, BodyReader.ReadsAndDeletesTakeNone) is { } refusal)
            return refusal;
        if (context.Request.QueryString.HasValue)
            return new Refusal(ProblemType.QueryInvalid, "An operation takes no query.");
        var id = context.GetRouteValue("id") as string ?? "";
        if (LongOperations.OwnerOf(id) is { } owner && owner != node.Name && IsMember(owner))
            return new Refusal(ProblemType.OperationElsewhere, "Kv-Owner names the node to ask.") { Owner = owner };
        if (!operations.TryFind(id, out var operation))
            return NotFound;
        if (HttpMethods.IsDelete(context.Request.Method))
            operation.Cancel();
        await answers.SendAsync(context, operation.Describe(), ContractsJson.Default.OperationResponse);
        return null;
    }

    /// <summary>Whoever made the id up is not sent from node to node.</summary>
    private bool IsMember(string name) => node.Cluster()?.Members.Any(member => member.Name == name) == true;
}
