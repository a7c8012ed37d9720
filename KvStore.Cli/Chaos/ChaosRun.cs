using System.Diagnostics;
using System.Globalization;
using KvStore.Cli.Chaos.Faults;
using KvStore.Cli.Chaos.Load;
using KvStore.Verification;

namespace KvStore.Cli.Chaos;

/// <summary>
/// Rounds of load and faults. In each, clients work on fresh keys while something goes wrong; then everything heals,
/// settles, and every key is read and judged. At the end the keys of all rounds are read and judged once more.
/// </summary>
internal sealed class ChaosRun(
    ChaosOptions options, ChaosCluster cluster, ChaosOutput output, TextWriter history, CancellationToken stop)
{
    private const int KeysAtOnce = 6;
    private static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(1);

    private readonly RunRecord _record = new();
    private readonly ClientNumbers _numbers = new(string.Create(CultureInfo.InvariantCulture, $"chaos-{options.Seed}"));
    private readonly List<Door> _doors =
        [new Door(cluster.Balancer.Url, null), .. cluster.Nodes.Select(node => new Door(node.Child.Url, node))];

    /// <summary>Goes on until the rounds or the time are over, or a promise is broken.</summary>
    public async Task<RunRecord> RunAsync()
    {
        cluster.StartAll();
        if (!await cluster.BecomesHealthyAsync(StartPatience).ConfigureAwait(false))
            throw new FailureException($"The cluster did not form within {StartPatience.TotalSeconds} s. {Deaths()}");
        var status = await cluster.StatusOfAsync(cluster.Nodes[0]).ConfigureAwait(false)
            ?? throw new FailureException("The first node no longer answers.");
        using var settlement = new Settlement(cluster, status.Partitions);
        var startedAt = Stopwatch.GetTimestamp();
        for (var round = 1; _record.Violations.Count == 0 && !stop.IsCancellationRequested; round++)
        {
            if (round > options.Rounds || Stopwatch.GetElapsedTime(startedAt) > options.Duration)
                break;
            try
            {
                await RoundAsync(round, settlement).ConfigureAwait(false);
            }
            catch (FailureException broken)
            {
                _record.Violated($"Round {round}: {broken.Message}");
            }

            foreach (var death in cluster.Deaths)
                _record.Violated($"Round {round}: {death}");
        }

        if (_record.Violations.Count == 0)
            await ReadEverythingAsync().ConfigureAwait(false);
        return _record;
    }

    private async Task RoundAsync(int round, Settlement settlement)
    {
        var random = new Random(Seeds.Of(options.Seed, round));
        var log = new RoundLog();
        var keys = new KeyPool(string.Create(CultureInfo.InvariantCulture, $"chaos/{round}/"), KeysAtOnce);
        using var enough = new CancellationTokenSource();
        var clients = Enumerable.Range(0, options.Clients)
            .Select(client => ClientOf(round, client, keys, log).RunAsync(Pace(), enough.Token))
            .ToList();
        var kinds = Draw(random);
        string done;
        try
        {
            await Task.Delay(random.Next(300, 1500)).ConfigureAwait(false);
            var struck = kinds.Select((kind, at) => FaultCatalogue.Find(kind).RunAsync(
                cluster, new Random(Seeds.Of(options.Seed, round, at + 1))));
            done = string.Join("; ", await Task.WhenAll(struck).ConfigureAwait(false));
            await Task.Delay(random.Next(200, 1000)).ConfigureAwait(false);
        }
        finally
        {
            await enough.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(clients).ConfigureAwait(false);
            Keep(log.Operations);
        }

        await cluster.HealAsync().ConfigureAwait(false);
        var settled = await SettleAndJudgeAsync(settlement, keys, log).ConfigureAwait(false);
        _record.Add(string.Join('+', kinds), log, settled);
        foreach (var oddity in log.Oddities)
            _record.Violated($"Round {round}: {oddity}");
        output.Report(new ChaosEvent
        {
            Event = "round",
            Rounds = round,
            Detail = done,
            Operations = RunRecord.CountsOf(log.Operations),
            LongestWaitMs = (long)log.Longest.TotalMilliseconds,
            RefusedAtBalancer = log.Refused,
            SettledMs = (long)settled.TotalMilliseconds,
        });
    }

    private async Task<TimeSpan> SettleAndJudgeAsync(Settlement settlement, KeyPool keys, RoundLog log)
    {
        try
        {
            var settled = await settlement.WaitAsync().ConfigureAwait(false);
            await ReadAndJudgeAsync(keys.Names, log).ConfigureAwait(false);
            return settled;
        }
        catch (FailureException)
        {
            _record.Judge(log.Operations);    // a cluster that stands still may have lied before
            throw;
        }
    }

    /// <summary>One kind mostly; now and then two that do not get in each other's way.</summary>
    private List<string> Draw(Random random)
    {
        var first = options.Faults[random.Next(options.Faults.Length)];
        var isPair = random.Next(4) == 0;
        var others = options.Faults
            .Where(kind => FaultCatalogue.Find(kind).Group != FaultCatalogue.Find(first).Group)
            .ToList();
        return isPair && others.Count > 0 ? [first, others[random.Next(others.Count)]] : [first];
    }

    /// <summary>Every other client goes through the balancer, the rest to one node each.</summary>
    private ChaosClient ClientOf(int round, int client, KeyPool keys, RoundLog log)
    {
        var home = client % 2 == 0 ? 0 : 1 + (client / 2 % cluster.Nodes.Length);
        var random = new Random(Seeds.Of(options.Seed, round, -1, client));
        return new ChaosClient(home, _doors, keys, log, _numbers, random);
    }

    private TimeSpan Pace() => TimeSpan.FromSeconds((double)options.Clients / options.Rate);

    private async Task ReadAndJudgeAsync(IReadOnlyCollection<string> keys, RoundLog log)
    {
        var before = log.Operations.Count;
        var reader = new ChaosClient(0, _doors, new KeyPool("", 1), log, _numbers, new Random(options.Seed));
        foreach (var silent in await reader.ReadAllAsync(keys, Settlement.Patience).ConfigureAwait(false))
            _record.Violated($"{silent} could not be read after everything had settled.");
        Keep(log.Operations.Skip(before));
        await Task.Run(() => _record.Judge(log.Operations)).ConfigureAwait(false);
    }

    private async Task ReadEverythingAsync()
    {
        var log = new RoundLog();
        await ReadAndJudgeAsync(_record.Keys, log).ConfigureAwait(false);
    }

    private void Keep(IEnumerable<HistoryOperation> operations)
    {
        HistoryFormat.Write(history, operations);
        history.Flush();
    }

    private string Deaths() => string.Join(' ', cluster.Deaths);
}
