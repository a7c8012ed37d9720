using System.Text.Json;
using KvStore.Contracts;
using KvStore.Node.Membership;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>Members that come and go.</summary>
internal static class MembershipApi
{
    private const int MaxRequestBytes = 4096;

    /// <summary>Maps <c>POST /admin/nodes</c>.</summary>
    public static void MapMembershipApi(this IEndpointRouteBuilder routes) => routes.MapPost(Routes.Nodes, JoinAsync);

    private static async Task JoinAsync(
        HttpContext context,
        MemberReplacement replacement,
        PeerDirectory peers,
        Problems problems,
        TimeProvider time)
    {
        if (!peers.Secret.IsProvedBy(context.Request))
        {
            var refusal = new Refusal(ProblemType.Forbidden, $"{ClusterSecret.WhyRefused} Nothing was changed.");
            await problems.WriteAsync(context, refusal, default);
            return;
        }

        if (await ReadAsync(context) is not { } request
            || string.IsNullOrEmpty(request.Name)
            || !ClusterDocument.TryParse(request.Incarnation, out var incarnation))
        {
            await problems.WriteAsync(context, NotARequest, default);
            return;
        }

        switch (await ReplaceInTimeAsync(replacement, request.Name, incarnation, time))
        {
            case JoinOutcome.Joined joined:
                var document = ClusterDocument.From(joined.View);
                await context.Response.WriteAsJsonAsync(document, ContractsJson.Default.ViewDocument);
                break;
            case JoinOutcome.Refused refused:
                await problems.WriteAsync(context, new Refusal(ProblemType.Conflict, refused.Why), default);
                break;
            case JoinOutcome.NotNow later:
                await problems.WriteAsync(context, Problems.NotReady with { Detail = later.Why }, default);
                break;
        }
    }

    private static Refusal NotARequest { get; } = new(
        ProblemType.BodyInvalid,
        "A JSON object of at most 4096 bytes, its length told, was expected: \"name\", and \"incarnation\" of 16 "
            + "hexadecimal digits. Nothing was changed.");

    private static async Task<JoinOutcome> ReplaceInTimeAsync(
        MemberReplacement replacement, string name, ulong incarnation, TimeProvider time)
    {
        using var deadline = new CancellationTokenSource(PeerDirectory.JoinPatience, time);
        try
        {
            return await replacement.ReplaceAsync(name, incarnation, deadline.Token);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            return new JoinOutcome.NotNow("The other nodes did not answer in time.");
        }
    }

    private static async Task<JoinRequest?> ReadAsync(HttpContext context)
    {
        if (!MediaTypes.IsJson(context.Request.ContentType)
            || context.Request.ContentLength is not (>= 0 and <= MaxRequestBytes))
        {
            return null;
        }
        try
        {
            return await context.Request.ReadFromJsonAsync(ContractsJson.Default.JoinRequest, context.RequestAborted);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
