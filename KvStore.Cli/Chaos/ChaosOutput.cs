using System.Text.Json;
using KvStore.Cli.Chaos.Load;

namespace KvStore.Cli.Chaos;

/// <summary>Tells of a run: JSON lines for programs, sentences for people.</summary>
internal sealed class ChaosOutput(TextWriter output, bool isJson)
{
    public void Report(ChaosEvent step) => output.WriteLine(
        isJson ? JsonSerializer.Serialize(step, ChaosJson.Lines.ChaosEvent) : Sentence(step));

    private static string Sentence(ChaosEvent step) => step.Event switch
    {
        "started" => $"seed {step.Seed}: {step.Detail}",
        "round" => $"round {step.Rounds}: {step.Detail}; {step.Operations!.Total} operations; {Costs(step.Cost!)}",
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
        if (step.Load is { } load)
        {
            lines.Add($"  {load.Transactions} transactions, {load.Increments} increments, {load.Races} races; "
                + $"{load.Events} changes watched in {load.Streams} streams, {load.Gaps} gaps told");
        }

        if (step.Faults is { } faults)
        {
            lines.Add("  at the balancer, p50/p99/max of requests, for keys led by a struck node and for others:");
            lines.AddRange(faults.Select(kind => $"  {kind.Key}: {kind.Value.Rounds} rounds, {Costs(kind.Value)}"));
        }

        if (step.Kept is not null)
            lines.Add($"histories, data and logs: {step.Kept}");
        if (step.Violations > 0 && step.Replay is not null)
            lines.Add($"again: {step.Replay}");
        return string.Join(Environment.NewLine, lines);
    }

    private static string Costs(FaultFigures cost)
    {
        List<string> parts = [];
        void Add(string name, LatencyFigures? figures) => parts.Add($"{name} {figures?.ToString() ?? "-"}");
        Add("calm", cost.Calm);
        Add("struck", cost.Struck);
        Add("others", cost.Others);
        var codes = cost.RefusedByStatus?.Select(refused => $"{refused.Key}: {refused.Value}") ?? [];
        parts.Add($"{cost.RefusedAtBalancer} refused{(codes.Any() ? $" ({string.Join(", ", codes)})" : "")}");
        parts.Add($"settled after {cost.SettledMs} ms");
        return string.Join(", ", parts);
    }
}
