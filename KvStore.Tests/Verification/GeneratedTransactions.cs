using System.Globalization;
using KvStore.Verification;

namespace KvStore.Tests.Verification;

/// <summary>What a store does wrong with several keys, once, in the middle of the history.</summary>
internal enum PlantedAnomaly
{
    None,

    /// <summary>Of two keys that each of two transactions compares, each writes another, and both do.</summary>
    WriteSkew,

    /// <summary>A read during a transfer sees one of its halves.</summary>
    FracturedRead,

    /// <summary>Two transactions compare the same version of a key, and both write it.</summary>
    LostUpdate,

    /// <summary>Of a transfer that was acknowledged, one half takes effect.</summary>
    TornCommit,

    /// <summary>An increment that was acknowledged counts twice.</summary>
    DoubledIncrement,

    /// <summary>An increment that was acknowledged does not count.</summary>
    LostIncrement,
}

/// <summary>
/// Makes histories of a store that does one thing after the other, each at one moment between its call and its return,
/// among them transfers that lose no unit. Breaks it once on demand; until then all is answered, since what is not may
/// explain almost anything.
/// </summary>
internal sealed class GeneratedTransactions(int seed, PlantedAnomaly anomaly)
{
    private const int Steps = 100;
    private const int Apart = 10_000;
    private static readonly string[] Keys = ["a", "b", "c", "d"];
    private readonly Random _random = new(seed);
    private readonly List<HistoryOperation> _history = [];
    private readonly Dictionary<string, (long Number, string Etag)> _store = [];
    private long _version;
    private long _now;

    public IReadOnlyList<HistoryOperation> Make()
    {
        Together(Do(Txn([], [.. Keys.Select(key => Put(key, 100))])));
        _now += Apart;
        for (var step = 0; step < Steps; step++)
        {
            if (step == Steps / 2)
                Plant();
            Add(Draw());
        }

        Add(Snapshot());
        return _history;
    }

    private HistoryOperation Draw()
    {
        var (from, to) = TwoKeys();
        return _random.Next(6) switch
        {
            0 => Snapshot(),
            1 => Single(OperationKind.Get, from),
            2 => Single(OperationKind.Increment, from) with { By = _random.Next(-3, 4) },
            3 => Txn([], [Increment(from, -1), Increment(to, 1)]),
            4 => Txn([Is(from), Is(to)], [Put(from, NumberOf(from) - 2), Put(to, NumberOf(to) + 2)]),
            _ => Txn([Is(from) with { IfMatch = "\"old\"" }, Is(to)], [Put(to, 7)]) with
            {
                Else = _random.Next(2) == 0 ? [Read(from), Read(to)] : null,
            },
        };
    }

    /// <summary>What is wrong happens apart from all else, and all is read after it.</summary>
    private void Plant()
    {
        _now += Apart;
        var (one, other) = TwoKeys();
        var before = new Dictionary<string, (long, string)>(_store);
        switch (anomaly)
        {
            case PlantedAnomaly.WriteSkew:
                var second = Txn([Is(one), Is(other)], [Put(other, NumberOf(other) - 1)]);
                Together(Do(Txn([Is(one), Is(other)], [Put(one, NumberOf(one) - 1)])), Do(second, isForced: true));
                break;
            case PlantedAnomaly.LostUpdate:
                var late = Txn([Is(one)], [Put(one, NumberOf(one) + 1)]);
                Together(Do(Txn([Is(one)], [Put(one, NumberOf(one) + 1)])), Do(late, isForced: true));
                break;
            case PlantedAnomaly.FracturedRead:
                var transfer = Do(Txn([], [Increment(one, -1), Increment(other, 1)]));
                var after = _store[one];
                _store[one] = before[one];
                Together(transfer, Do(Snapshot()));
                _store[one] = after;
                break;
            case PlantedAnomaly.TornCommit:
                Together(Do(Txn([], [Increment(one, -1), Increment(other, 1)])));
                _store[one] = before[one];
                break;
            case PlantedAnomaly.DoubledIncrement:
                Together(Do(Single(OperationKind.Increment, one) with { By = 5 }));
                _store[one] = (_store[one].Number + 5, NextEtag());
                break;
            case PlantedAnomaly.LostIncrement:
                Together(Do(Single(OperationKind.Increment, one) with { By = 5 }));
                _store[one] = before[one];
                break;
        }

        Together(Do(Snapshot()));
        _now += Apart;
    }

    private void Together(params HistoryOperation[] operations)
    {
        _now += Apart;
        foreach (var operation in operations)
            _history.Add(operation with { CallNs = _now, ReturnNs = _now + 1000 });
    }

    private void Add(HistoryOperation operation)
    {
        _now += 1000;
        var isAnswered = anomaly != PlantedAnomaly.None || !operation.IsWrite || _random.Next(15) != 0;
        if (!isAnswered && _random.Next(2) == 0)
        {
            _history.Add(operation with { CallNs = _now, Result = OperationResult.Unknown });
            return;
        }

        var done = Do(operation) with
        {
            CallNs = _now - _random.Next(1, 4000),
            ReturnNs = _now + _random.Next(1, 4000),
        };
        _history.Add(isAnswered
            ? done
            : operation with { CallNs = done.CallNs, Result = OperationResult.Unknown });
    }

    /// <summary>Carries an operation out, and writes down what is told of it.</summary>
    private HistoryOperation Do(HistoryOperation operation, bool isForced = false)
    {
        if (operation.Op != OperationKind.Txn)
        {
            var told = Do(new OperationStep { Op = operation.Op, Key = operation.Key, By = operation.By }, "");
            return operation with { Value = told.Value, Found = told.Found, Etag = told.Etag };
        }

        var holds = isForced || operation.If!.All(step => step.IfMatch == _store[step.Key].Etag);
        var branch = holds ? operation.Ops : operation.Else;
        if (branch is null)
            return operation with { Result = OperationResult.Fail };
        var etag = NextEtag();
        OperationStep[] done = [.. branch.Select(step => Do(step, etag))];
        return holds
            ? operation with { Succeeded = true, Ops = done }
            : operation with { Succeeded = false, Else = done };
    }

    private OperationStep Do(OperationStep step, string etag)
    {
        if (step.Op != OperationKind.Get)
        {
            var number = step.By is { } by ? NumberOf(step.Key) + by : Parse(step.Value!);
            _store[step.Key] = (number, etag.Length > 0 ? etag : NextEtag());
        }

        var (value, current) = _store[step.Key];
        return step with
        {
            Value = value.ToString(CultureInfo.InvariantCulture),
            Found = step.Op == OperationKind.Get ? true : null,
            Etag = current,
        };
    }

    private static HistoryOperation Txn(OperationStep[] compares, OperationStep[] then) => new()
    {
        Client = 1,
        CallNs = 0,
        Op = OperationKind.Txn,
        Key = then[0].Key,
        If = compares,
        Ops = then,
        Result = OperationResult.Ok,
    };

    private static HistoryOperation Snapshot() => Txn([], [.. Keys.Select(Read)]);

    private static HistoryOperation Single(OperationKind kind, string key) =>
        new() { Client = 1, CallNs = 0, Op = kind, Key = key, Result = OperationResult.Ok };

    private static OperationStep Read(string key) => new() { Op = OperationKind.Get, Key = key };

    private static OperationStep Increment(string key, long by) =>
        new() { Op = OperationKind.Increment, Key = key, By = by };

    private static OperationStep Put(string key, long number) =>
        new() { Op = OperationKind.Put, Key = key, Value = number.ToString(CultureInfo.InvariantCulture) };

    private OperationStep Is(string key) => Read(key) with { IfMatch = _store[key].Etag };

    private (string From, string To) TwoKeys()
    {
        var from = _random.Next(Keys.Length);
        return (Keys[from], Keys[(from + _random.Next(1, Keys.Length)) % Keys.Length]);
    }

    private long NumberOf(string key) => _store[key].Number;

    private string NextEtag() => string.Create(CultureInfo.InvariantCulture, $"\"{++_version}\"");

    private static long Parse(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
