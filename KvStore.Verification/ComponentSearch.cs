using System.Text;

namespace KvStore.Verification;

/// <summary>
/// Searches for an order of operations that explains all answers, on keys that are judged together: Wing and Gong
/// (1993) as improved by Lowe (Testing for linearizability, 2017): a configuration (which operations are placed, what
/// the keys hold) that was visited once is never entered again. Observations that fit are placed at once, since placing
/// them first excludes no order of the rest.
/// </summary>
internal sealed class ComponentSearch(HistoryOperation[] operations, bool hasUniqueEtags, int maxConfigurations)
{
    private readonly ComponentHistory _history = new(operations, hasUniqueEtags);
    private readonly HashSet<Configuration> _visited = [];
    private readonly Stack<Configuration> _open = [];
    private Configuration? _furthest;

    public Judgement Judge()
    {
        Enter(Configuration.Start(_history.Answered.Length, _history.Unanswered.Length, _history.KeyCount));
        while (_open.TryPop(out var configuration))
        {
            if (configuration.PlacedCount == _history.Answered.Length)
                return Judgement.Legal;
            if (_visited.Count > maxConfigurations)
                return new Judgement(Verdict.Undecided, $"given up after {maxConfigurations} configurations");
            Expand(configuration);
        }

        return new Judgement(Verdict.Illegal, Explain());
    }

    private void Enter(Configuration configuration)
    {
        while (PlaceObservations(configuration))
            continue;
        if (!_visited.Add(configuration))
            return;
        if (_furthest is null || configuration.PlacedCount > _furthest.PlacedCount)
            _furthest = configuration;
        _open.Push(configuration);
    }

    private bool PlaceObservations(Configuration configuration)
    {
        var hasPlaced = false;
        foreach (var at in Candidates(configuration))
        {
            var operation = _history.Answered[at];
            if (!operation.IsObservation || !operation.Outcomes(configuration.State).Contains(configuration.State))
                continue;
            configuration.Place(at);
            hasPlaced = true;
        }

        return hasPlaced;
    }

    /// <summary>
    /// What is entered last is tried first: the answered operation called first; guesses about unanswered ones come
    /// last.
    /// </summary>
    private void Expand(Configuration configuration)
    {
        var candidates = Candidates(configuration);
        var horizon = Horizon(configuration);
        for (var at = 0; at < _history.Unanswered.Length && _history.UnansweredCalls[at] <= horizon; at++)
        {
            var twin = _history.TwinOf[at];
            if (configuration.HasGuessed(at) || (twin >= 0 && !configuration.HasGuessed(twin)))
                continue;
            foreach (var next in _history.Unanswered[at].Outcomes(configuration.State))
            {
                if (next != configuration.State)
                    Enter(configuration.WithGuessed(at, next));
            }
        }

        for (var i = candidates.Count - 1; i >= 0; i--)
        {
            foreach (var next in _history.Answered[candidates[i]].Outcomes(configuration.State))
                Enter(configuration.With(candidates[i], next));
        }
    }

    /// <summary>Operations that were called before the first of the unplaced ones returned.</summary>
    private List<int> Candidates(Configuration configuration)
    {
        List<int> candidates = [];
        var horizon = long.MaxValue;
        for (var at = configuration.FirstUnplaced; at < _history.Calls.Length && _history.Calls[at] <= horizon; at++)
        {
            if (configuration.HasPlaced(at))
                continue;
            candidates.Add(at);
            horizon = Math.Min(horizon, _history.Returns[at]);
        }

        candidates.RemoveAll(at => _history.Calls[at] > horizon);
        return candidates;
    }

    private long Horizon(Configuration configuration) =>
        Candidates(configuration).Select(at => _history.Returns[at]).DefaultIfEmpty(long.MaxValue).Min();

    private string Explain()
    {
        var stuck = _furthest!;
        StringBuilder text = new();
        text.Append(
            $"no order of {operations.Length} operations explains the answers; at best {stuck.PlacedCount} of ");
        text.Append($"{_history.Answered.Length} answered ones are explained, leaving {stuck.State}, then none of:");
        foreach (var at in Candidates(stuck))
            text.Append('\n').Append(HistoryFormat.LineOf(_history.AnsweredSource[at]));
        return text.ToString();
    }
}
