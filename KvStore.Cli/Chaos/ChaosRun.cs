using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using KvStore.Cli.Chaos.Faults;
using KvStore.Cli.Chaos.Load;
using KvStore.Cli.Cluster;
using KvStore.Verification;

namespace KvStore.Cli.Chaos;

/// <summary>
/// Rounds of load and faults. In each, clients work on fresh keys while something goes wrong; then everything heals,
/// settles, and every key is read and judged. At the end the keys of all rounds are read and judged once more.
/// </summary>
internal sealed class ChaosRun(
    ChaosOptions options, ChaosCluster cluster, ChaosOutput output, TextWriter history, CancellationToken stop)
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(1);

    /// <summary>What programs do for the first time is slow, and no fault's fault.</summary>
    private static readonly TimeSpan WarmUpTime = TimeSpan.FromSeconds(2);

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
        var placement = new Placement(status.Partitions);
        using var settlement = new Settlement(cluster.Balancer.Url, placement, Settlement.Patience);
        await WarmUpAsync().ConfigureAwait(false);
        var startedAt = Stopwatch.GetTimestamp();
        for (var round = 1; _record.Violations.Count == 0 && !stop.IsCancellationRequested; round++)
        {
            if (round > options.Rounds || Stopwatch.GetElapsedTime(startedAt) > options.Duration)
                break;
            try
            {
                await RoundAsync(round, placement, settlement).ConfigureAwait(false);
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

    private async Task WarmUpAsync()
    {
        var log = new RoundLog(mayLackRoom: false);
        await LoadAsync(0, LoadsOf(0), log, () => Task.Delay(WarmUpTime)).ConfigureAwait(false);
        Take(0, log);
    }

    private async Task RoundAsync(int round, Placement placement, Settlement settlement)
    {
        var random = new Random(Seeds.Of(options.Seed, round));
        var kinds = FaultCatalogue.Draw(options.Faults, options.Seed, round);
        var log = new RoundLog(kinds.Any(kind => FaultCatalogue.Find(kind).LeavesNoRoom));
        var loads = LoadsOf(round);
        var watcher = WatcherOf(round);
        using var watched = new CancellationTokenSource();
        var watching = watcher.RunAsync(watched.Token);
        Struck[] struck = [];
        string?[] primaries = [];
        long struckAt = 0;
        try
        {
            await BeginAsync(watcher).ConfigureAwait(false);
            await LoadAsync(round, loads, log, async () =>
            {
                var calm = TimeSpan.FromMilliseconds(random.Next(300, 1500));
                await Task.Delay(options.Calm ?? calm).ConfigureAwait(false);
                var told = await cluster.ClusterStatusesAsync().ConfigureAwait(false);
                primaries = RingPicture.PrimariesOf(placement.Partitions, told);
                struckAt = Stopwatch.GetTimestamp();
                struck = await Task.WhenAll(kinds.Select((kind, at) => FaultCatalogue.Find(kind).RunAsync(
                    cluster, new Random(Seeds.Of(options.Seed, round, at + 1))))).ConfigureAwait(false);
                await Task.Delay(random.Next(200, 1000)).ConfigureAwait(false);
            }).ConfigureAwait(false);
            List<DoorCall> calls = [.. log.Calls];    // later ones are no client's
            await cluster.HealAsync().ConfigureAwait(false);
            var settled = await SettleAsync(settlement).ConfigureAwait(false);
            string[] keys = [.. loads.SelectMany(load => load.Keys)];
            await ReadAndWatchAsync(keys, log, watcher).ConfigureAwait(false);

            var names = struck.SelectMany(fault => fault.Nodes).Select(node => node.Name).ToHashSet();
            bool IsStruck(string key) => primaries[placement.PartitionOf(key)] is { } name && names.Contains(name);
            var cost = new FaultCost();
            var what = kinds.IsEmpty ? FaultCatalogue.None : string.Join('+', kinds);
            foreach (var account in (FaultCost[])[cost, _record.CostOf(what)])
                account.Add(calls, struckAt, IsStruck, settled);
            output.Report(new ChaosEvent
            {
                Event = "round",
                Rounds = round,
                Detail = kinds.IsEmpty ? "nothing struck" : string.Join("; ", struck.Select(fault => fault.Done)),
                Operations = RunRecord.CountsOf(log.Operations),
                Cost = cost.Figures,
            });
        }
        finally
        {
            await watched.CancelAsync().ConfigureAwait(false);
            await watching.ConfigureAwait(false);
            Take(round, log);    // a cluster that stands still may have lied before
        }

        _record.Judge(log, watcher);
    }

    private static async Task BeginAsync(Watcher watcher)
    {
        await Task.WhenAny(watcher.Begun, Task.Delay(Settlement.Patience)).ConfigureAwait(false);
        if (!watcher.Begun.IsCompleted)
            throw new FailureException($"A watch did not begin within {Settlement.Patience.TotalSeconds} s.");
    }

    /// <summary>
    /// Reads every key, and writes it once more: when the watch has told that, in order, it has told all.
    /// </summary>
    private async Task ReadAndWatchAsync(string[] keys, RoundLog log, Watcher watcher)
    {
        await AskAllAsync(OperationKind.Get, keys, log).ConfigureAwait(false);
        var last = await AskAllAsync(OperationKind.Put, keys, log).ConfigureAwait(false);
        var written = last.Where(operation => operation.Result == OperationResult.Ok)
            .Select(operation => (operation.Key, operation.Etag));
        foreach (var key in await watcher.MissingAsync(written, Settlement.Patience).ConfigureAwait(false))
        {
            _record.Violated(
                $"The watch did not tell the last write of {key} within {Settlement.Patience.TotalSeconds} s.");
        }
    }

    /// <summary>Has clients work on the keys while something else happens.</summary>
    private async Task LoadAsync(int round, IReadOnlyList<ILoad> loads, RoundLog log, Func<Task> meanwhile)
    {
        using var enough = new CancellationTokenSource();
        var clients = Enumerable.Range(0, options.Clients)
            .Select(client => ClientOf(round, client, log).RunAsync(loads, Pace(), enough.Token))
            .ToList();
        try
        {
            await meanwhile().ConfigureAwait(false);
        }
        finally
        {
            await enough.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(clients).ConfigureAwait(false);
            Keep(log.Operations);
        }
    }

    private async Task<TimeSpan> SettleAsync(Settlement settlement)
    {
        var settled = await settlement.WaitAsync().ConfigureAwait(false);
        if (!await cluster.BecomesHealthyAsync(Settlement.Patience).ConfigureAwait(false))
        {
            throw new FailureException(
                $"Not healthy {Settlement.Patience.TotalSeconds} s after all partitions took a write.");
        }

        return settled;
    }

    private ImmutableArray<ILoad> LoadsOf(int round) =>
        LoadCatalogue.Make(options.Loads, PrefixOf(round), options.Keys);

    private static string PrefixOf(int round) => string.Create(CultureInfo.InvariantCulture, $"chaos/{round}/");

    private Watcher WatcherOf(int round) =>
        new(cluster.Balancer.Url, PrefixOf(round), new Random(Seeds.Of(options.Seed, round, -4)));

    /// <summary>Every other client goes through the balancer, the rest to one node each.</summary>
    private ChaosClient ClientOf(int round, int client, RoundLog log)
    {
        var home = client % 2 == 0 ? 0 : 1 + (client / 2 % cluster.Nodes.Length);
        var random = new Random(Seeds.Of(options.Seed, round, -1, client));
        return new ChaosClient(home, _doors, log, _numbers, random);
    }

    private TimeSpan Pace() => TimeSpan.FromSeconds((double)options.Clients / options.Rate);

    /// <summary>Reads or writes every key.</summary>
    /// <returns>What was told.</returns>
    private async Task<IReadOnlyList<HistoryOperation>> AskAllAsync(
        OperationKind kind, IReadOnlyCollection<string> keys, RoundLog log)
    {
        var before = log.Operations.Count;
        var client = new ChaosClient(0, _doors, log, _numbers, new Random(options.Seed));
        foreach (var silent in await client.AskAllAsync(kind, keys, Settlement.Patience).ConfigureAwait(false))
            _record.Violated($"{kind} of {silent} came to nothing after everything had settled.");
        List<HistoryOperation> told = [.. log.Operations.Skip(before)];
        Keep(told);
        return told;
    }

    /// <summary>Judges what a round's clients were told.</summary>
    private void Take(int round, RoundLog log)
    {
        _record.Judge(log.Operations);
        foreach (var oddity in log.Oddities)
            _record.Violated($"Round {round}: {oddity}");
    }

    private async Task ReadEverythingAsync()
    {
        var log = new RoundLog(mayLackRoom: false);
        await AskAllAsync(OperationKind.Get, _record.Keys, log).ConfigureAwait(false);
        Take(_record.Rounds, log);
    }

    private void Keep(IEnumerable<HistoryOperation> operations)
    {
        HistoryFormat.Write(history, operations);
        history.Flush();
    }

    private string Deaths() => string.Join(' ', cluster.Deaths);
}
