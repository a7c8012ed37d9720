using System.Globalization;
using KvStore.Verification;

namespace KvStore.Tests.Verification;

/// <summary>What a store does wrong, once, somewhere in the history.</summary>
internal enum PlantedBug
{
    None,

    /// <summary>A read returns a value that was replaced before the read was called.</summary>
    StaleRead,

    /// <summary>An acknowledged write never takes effect.</summary>
    LostWrite,

    /// <summary>A compare-and-set wins although its version was replaced before.</summary>
    DoubleWinner,

    /// <summary>A read returns a value that nobody wrote.</summary>
    PhantomRead,

    /// <summary>Two writes are given one version.</summary>
    ReusedVersion,

    /// <summary>A write that was answered "condition not met" takes effect all the same.</summary>
    FailedWriteApplied,
}

/// <summary>
/// Makes histories of a store that is linearizable by construction: each operation takes effect at one moment between
/// its call and its return. Then breaks one of them on demand; before that one, every write is answered, since an
/// unanswered one may explain almost anything.
/// </summary>
internal sealed class GeneratedHistory(int seed, PlantedBug bug)
{
    private const int OperationCount = 150;
    private readonly Random _random = new(seed);
    private readonly List<HistoryOperation> _history = [];
    private readonly int _bugAt = OperationCount / 2;
    private (string? Value, string? Etag) _current;
    private (string? Value, string? Etag) _replaced;
    private long _version;
    private bool _isPlanted;

    public IReadOnlyList<HistoryOperation> Make()
    {
        for (var number = 0; number < OperationCount; number++)
            Add(number);
        if (!_isPlanted && bug != PlantedBug.None)
            throw new InvalidOperationException($"Seed {seed}: found no place for {bug}.");
        return _history;
    }

    private bool ShallPlant(int number) => !_isPlanted && bug != PlantedBug.None && number >= _bugAt;

    /// <summary>
    /// Effects are a microsecond apart; calls reach back and returns forth over several of them, except around the bug.
    /// </summary>
    private void Add(int number)
    {
        var effect = (number + 1) * 1000L;
        var reach = bug != PlantedBug.None && number >= _bugAt - 4 ? 400 : 6000;
        var drawn = Draw(number) with
        {
            CallNs = effect - _random.Next(1, reach),
            ReturnNs = effect + _random.Next(1, reach),
        };
        var done = drawn.Op == OperationKind.Get ? Read(drawn, number) : Write(drawn, number);
        _history.Add(done);
    }

    private HistoryOperation Draw(int number)
    {
        var kind = _random.Next(10) switch
        {
            < 4 => OperationKind.Get,
            < 9 => OperationKind.Put,
            _ => OperationKind.Delete,
        };
        var isConditional = kind != OperationKind.Get && _random.Next(2) == 0;
        var known = _random.Next(3) == 0 ? _replaced.Etag : _current.Etag;
        return new HistoryOperation
        {
            Client = number,
            CallNs = 0,
            Op = kind,
            Key = "k",
            Value = kind == OperationKind.Put ? $"v{number}" : null,
            IfMatch = isConditional ? known : null,
            IfNone = isConditional && known is null ? "*" : null,
            Result = OperationResult.Ok,
        };
    }

    private HistoryOperation Read(HistoryOperation read, int number)
    {
        var (value, etag) = _current;
        if (ShallPlant(number) && bug == PlantedBug.StaleRead && _replaced.Value is not null)
        {
            _isPlanted = true;
            (value, etag) = _replaced;
        }
        else if (ShallPlant(number) && bug == PlantedBug.PhantomRead)
        {
            _isPlanted = true;
            (value, etag) = ("nobody wrote this", "0");
        }

        return read with { Value = value, Found = value is not null, Etag = etag };
    }

    private HistoryOperation Write(HistoryOperation write, int number)
    {
        var holds = (write.IfMatch is null || write.IfMatch == _current.Etag)
            && (write.IfNone is null || _current.Value is null);
        if (!holds)
            return FailedWrite(write, number);
        var isLost = ShallPlant(number) && bug == PlantedBug.LostWrite && write.Op == OperationKind.Put;
        var isAnswered = bug != PlantedBug.None && !_isPlanted;
        var etag = NextEtag(write, number);
        if (isLost)
            Plant(write);
        else if (isAnswered || _random.Next(20) != 0)
            Replace(write, etag);
        else
            return Unanswered(write, etag);
        return write with { Etag = etag };
    }

    private HistoryOperation FailedWrite(HistoryOperation write, int number)
    {
        var found = _current.Etag;
        if (ShallPlant(number) && write.Op == OperationKind.Put)
        {
            if (bug == PlantedBug.DoubleWinner && write.IfMatch is not null)
            {
                _isPlanted = true;
                Replace(write, NextEtag(write, number));
                return write with { Etag = _current.Etag };
            }

            if (bug == PlantedBug.FailedWriteApplied)
            {
                Plant(write);
                Replace(write, NextEtag(write, number));
            }
        }

        return write with { Result = OperationResult.Fail, Etag = found };
    }

    /// <summary>Two reads around the bug make it observable: without an observer, it would be no bug.</summary>
    private void Plant(HistoryOperation write)
    {
        _isPlanted = true;
        var seen = bug == PlantedBug.LostWrite
            ? _current
            : (write.Value, (_version + 1).ToString(CultureInfo.InvariantCulture));
        _history.Add(new HistoryOperation
        {
            Client = -1,
            CallNs = write.ReturnNs + 1,
            ReturnNs = write.ReturnNs + 2,
            Op = OperationKind.Get,
            Key = write.Key,
            Value = seen.Item1,
            Found = seen.Item1 is not null,
            Etag = seen.Item2,
            Result = OperationResult.Ok,
        });
    }

    private HistoryOperation Unanswered(HistoryOperation write, string? etag)
    {
        if (_random.Next(2) == 0)
            Replace(write, etag);
        return write with { Result = OperationResult.Unknown, ReturnNs = 0, Etag = null };
    }

    private string? NextEtag(HistoryOperation write, int number)
    {
        if (write.Op == OperationKind.Delete)
            return null;
        if (ShallPlant(number) && bug == PlantedBug.ReusedVersion && _replaced.Etag is { } used
            && _history.Exists(seen => seen.Result == OperationResult.Ok && seen.Etag == used))
        {
            _isPlanted = true;
            return used;
        }

        return (++_version).ToString(CultureInfo.InvariantCulture);
    }

    private void Replace(HistoryOperation write, string? etag)
    {
        if (_current.Value is not null)
            _replaced = _current;
        _current = (write.Value, etag);
    }
}
