using System.Text.Json;

namespace KvStore.Cli.Chaos;

/// <summary>Tells of a run: JSON lines for programs, sentences for people.</summary>
internal sealed class ChaosOutput(TextWriter output, bool isJson)
{
    public void Report(ChaosEvent step) => output.WriteLine(
        isJson ? JsonSerializer.Serialize(step, ChaosJson.Lines.ChaosEvent) : Sentence(step));

    private static string Sentence(ChaosEvent step) => step.Event switch
    {
        "started" => $"seed {step.Seed}: {step.Detail}",
        "round" => $"round {step.Rounds}: {step.Detail}; {step.Operations!.Total} operations, longest wait "
            + $"{step.LongestWaitMs} ms, {step.RefusedAtBalancer} refused, settled after {step.SettledMs} ms",
        "violation" => $"VIOLATION: {step.Detail}",
        _ => Verdict(step),
    };

    private static string Verdict(ChaosEvent step)
    {
        var counts = step.Operations!;
        List<string> lines =
        [
            $"{(step.Violations == 0 ? "good" : "BAD")}: {step.Violations} violations; {counts.Total} operations on "
                + $"{step.Keys} keys: {counts.Ok} ok, {counts.Fail} conditions not met, {counts.Rejected} rejected, "
                + $"{counts.Unknown} unknown; {counts.NotJudged} eventual reads not judged",
        ];
        foreach (var (kind, figures) in step.Faults ?? new Dictionary<string, FaultFigures>())
        {
            lines.Add(
                $"  {kind}: {figures.Rounds} rounds, longest wait {figures.LongestWaitMs} ms, "
                + $"{figures.RefusedAtBalancer} refused at the balancer, settled after {figures.LongestSettledMs} ms");
        }

        if (step.Kept is not null)
            lines.Add($"histories, data and logs: {step.Kept}");
        if (step.Violations > 0 && step.Replay is not null)
            lines.Add($"again: {step.Replay}");
        return string.Join(Environment.NewLine, lines);
    }
}
