using System.Globalization;
using KvStore.Cli.Chaos.Load;

namespace KvStore.Cli.Chaos;

/// <summary>What rounds of one kind of fault cost those who came through the balancer.</summary>
internal sealed class FaultCost
{
    private readonly List<TimeSpan> _calm = [];
    private readonly List<TimeSpan> _struck = [];
    private readonly List<TimeSpan> _others = [];
    private readonly SortedDictionary<string, int> _refused = new(StringComparer.Ordinal);
    private TimeSpan _settled;

    public int Rounds { get; private set; }

    public FaultFigures Figures => new()
    {
        Rounds = Rounds,
        Calm = LatencyFigures.Of(_calm),
        Struck = LatencyFigures.Of(_struck),
        Others = LatencyFigures.Of(_others),
        RefusedAtBalancer = _refused.Values.Sum(),
        RefusedByStatus = _refused.Count == 0 ? null : new Dictionary<string, int>(_refused),
        SettledMs = (long)_settled.TotalMilliseconds,
    };

    /// <summary>Takes one round in.</summary>
    /// <param name="calls">Of its clients.</param>
    /// <param name="struckAt">When the fault struck: what had ended by then was calm.</param>
    /// <param name="isStruck">Whether a key was led by a node that the fault was to concern.</param>
    /// <param name="settled">From the end of the fault until every partition took a write.</param>
    public void Add(IEnumerable<DoorCall> calls, long struckAt, Func<string, bool> isStruck, TimeSpan settled)
    {
        Rounds++;
        _settled = settled > _settled ? settled : _settled;
        foreach (var call in calls)
        {
            var times = call.EndedAt < struckAt ? _calm : isStruck(call.Key) ? _struck : _others;
            times.Add(call.Took);
            if (!call.IsRefused)
                continue;
            var status = call.Status == 0 ? "no answer" : call.Status.ToString(CultureInfo.InvariantCulture);
            _refused[status] = _refused.GetValueOrDefault(status) + 1;
        }
    }
}
