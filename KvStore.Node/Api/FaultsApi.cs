using System.Text.Json;
using KvStore.Contracts;
using KvStore.Node.Storage;
using KvStore.Node.Telemetry;

namespace KvStore.Node.Api;

/// <summary>Lets a developer break the disk of a running node.</summary>
internal static class FaultsApi
{
    private const int MaxRequestBytes = 4096;

    /// <summary>Maps <c>/admin/faults</c>, if the node was started to allow it.</summary>
    public static void MapFaultsApi(this WebApplication app)
    {
        if (app.Services.GetService<FaultSwitch>() is null)
            return;
        app.MapGet(Routes.Faults, (FaultSwitch faults) => Answer(faults));
        app.MapPost(Routes.Faults, SetAsync);
        app.MapDelete(Routes.Faults, (FaultSwitch faults, ILogger<FaultSwitch> logger) =>
        {
            faults.Set("");
            logger.FaultsLifted();
            return Answer(faults);
        });
    }

    private static async Task SetAsync(
        HttpContext context, FaultSwitch faults, Problems problems, ILogger<FaultSwitch> logger)
    {
        try
        {
            var document = context.Request.ContentLength is >= 0 and <= MaxRequestBytes
                ? await context.Request.ReadFromJsonAsync(ContractsJson.Default.FaultsDocument, context.RequestAborted)
                : null;
            faults.Set(document?.Faults ?? throw new FormatException(
                "A JSON object of at most 4096 bytes, its length told, was expected: \"faults\"."));
            logger.FaultsSet(faults.Text);
            await Answer(faults).ExecuteAsync(context);
        }
        catch (Exception wrong) when (
            wrong is FormatException or OverflowException or JsonException or InvalidOperationException)
        {
            await problems.WriteAsync(context, new Refusal(ProblemType.BodyInvalid, wrong.Message), default);
        }
    }

    private static IResult Answer(FaultSwitch faults) =>
        Results.Json(new FaultsDocument(faults.Text), ContractsJson.Default.FaultsDocument);
}
