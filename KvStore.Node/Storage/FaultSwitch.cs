using System.Globalization;
using System.Text.Json;

namespace KvStore.Node.Storage;

/// <summary>
/// What a developer wants the disk to do wrong, and where the process is to stop; may be changed while the node runs.
/// </summary>
internal sealed class FaultSwitch(TimeProvider time)
{
    private volatile FaultSet _set = new([], "");

    /// <summary>The faults as they were given; empty: none.</summary>
    public string Text => _set.Text;

    /// <summary>
    /// Replaces all faults. Separated by semicolons, each <c>kind[@part of the path][:number]=effect</c>: kinds are
    /// <c>open</c>, <c>create</c>, <c>read</c>, <c>write</c>, <c>flush</c>, <c>flush-folder</c>, <c>move</c>,
    /// <c>delete</c> and <c>space</c>; with a number, only that call from now on; effects are <c>EIO</c>,
    /// <c>ENOSPC</c>, <c>EDQUOT</c>, <c>slow:100ms</c>, <c>stop</c> (the whole process, until it is continued), and for
    /// <c>space</c> the bytes that are said to be free. <c>failpoint@name[:number]=stop</c> stops it at a
    /// <see cref="Failpoint"/>.
    /// </summary>
    /// <exception cref="FormatException">It is none of these.</exception>
    public void Set(string text)
    {
        var rules = text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var before = Interlocked.Exchange(ref _set, new FaultSet([.. rules.Select(FaultRule.Parse)], text.Trim()));
        before.Lifted.TrySetResult();    // who is being slowed down goes on
    }

    /// <summary>Before a call of storage: waits or throws if that is wanted.</summary>
    public void Before(string kind, string path)
    {
        var set = _set;
        foreach (var rule in set.Rules)
        {
            if (rule.Hits(kind, path))
                rule.Act(path, set.Lifted, time);
        }
    }

    /// <summary>Execution is at a failpoint: stops the process if that is wanted.</summary>
    public void Reached(Failpoint failpoint)
    {
        foreach (var rule in _set.Rules)
        {
            if (rule.Hits(failpoint))
                UnixCalls.StopProcess();
        }
    }

    /// <summary>The bytes that are to be called free; null: those that are.</summary>
    public long? FreeBytes(string path)
    {
        foreach (var rule in _set.Rules)
        {
            if (rule.Hits(FaultRule.Space, path))
                return rule.Amount;
        }

        return null;
    }

    private sealed class FaultSet(FaultRule[] rules, string text)
    {
        public FaultRule[] Rules { get; } = rules;

        public string Text { get; } = text;

        public TaskCompletionSource Lifted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>One thing that goes wrong.</summary>
internal sealed class FaultRule
{
    /// <summary>The kind that asks for room.</summary>
    public const string Space = "space";

    private const string AtFailpoint = "failpoint";
    private const string Stop = "stop";
    private const long LongestDelayMs = 60 * 60 * 1000;
    private const int InputOutput = 5;
    private const int NoSpace = 28;
    private const int Quota = 122;

    private static readonly string[] Kinds =
        ["open", "create", "read", "write", "flush", "flush-folder", "move", "delete", Space, AtFailpoint];

    private readonly string _kind;
    private readonly string _part;
    private readonly long? _number;
    private readonly (int Error, string Name)? _failure;
    private readonly TimeSpan _delay;
    private readonly bool _stops;
    private readonly Failpoint? _failpoint;
    private long _calls;

    private FaultRule(string kind, string part, long? number, string effect)
    {
        (_kind, _part, _number) = (kind, part, number);
        if (kind == Space)
            Amount = Whole(effect);
        else if (kind == AtFailpoint)
            (_failpoint, _stops) = (FailpointOf(part), IsStop(effect));
        else if (effect == Stop)
            _stops = IsStop(effect);
        else if (effect.StartsWith("slow:", StringComparison.Ordinal))
            _delay = Delay(effect[5..]);
        else
            _failure = effect switch
            {
                "EIO" => (InputOutput, "Input/output error"),
                "ENOSPC" => (NoSpace, "No space left on device"),
                "EDQUOT" => (Quota, "Disk quota exceeded"),
                _ => throw new FormatException($"'{effect}' is no effect of a fault."),
            };
    }

    /// <summary>With <see cref="Space"/>: bytes.</summary>
    public long Amount { get; }

    /// <exception cref="FormatException">It is no fault.</exception>
    public static FaultRule Parse(string text)
    {
        var (what, effect) = Cut(text, '=');
        var (where, number) = Cut(what, ':');
        var (kind, part) = Cut(where, '@');
        if (effect is null || !Kinds.Contains(kind))
            throw new FormatException($"'{text}' is no fault, such as flush:17=EIO or flush@wal=slow:100ms.");
        return new FaultRule(kind, part ?? "", number is null ? null : Whole(number), effect);
    }

    public bool Hits(string kind, string path) =>
        kind == _kind
        && path.Contains(_part, StringComparison.Ordinal)
        && IsItsTurn();

    public bool Hits(Failpoint failpoint) => failpoint == _failpoint && IsItsTurn();

    public void Act(string path, TaskCompletionSource lifted, TimeProvider time)
    {
        if (_delay > TimeSpan.Zero)
            Task.WhenAny(lifted.Task, Task.Delay(_delay, time)).GetAwaiter().GetResult();    // as one waits for a disk
        if (_stops)
            UnixCalls.StopProcess();
        if (_failure is var (error, name))
            throw new IOException($"{_kind} of {path} failed: {name} ({error}), as was asked for.", error);
    }

    private bool IsItsTurn() => _number is null || Interlocked.Increment(ref _calls) == _number;

    private static Failpoint FailpointOf(string name)
    {
        foreach (var failpoint in Enum.GetValues<Failpoint>())
        {
            if (JsonNamingPolicy.KebabCaseLower.ConvertName($"{failpoint}") == name)
                return failpoint;
        }

        throw new FormatException($"'{name}' is no failpoint, such as read-arrived.");
    }

    private static bool IsStop(string effect)
    {
        if (effect != Stop)
            throw new FormatException($"'{effect}' is nothing that happens at a failpoint: stop does.");
        return OperatingSystem.IsWindows()
            ? throw new FormatException("A process cannot be stopped on Windows.")
            : true;
    }

    private static long Whole(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new FormatException($"'{text}' is no whole number.");

    private static (string Before, string? After) Cut(string text, char at)
    {
        var place = text.IndexOf(at, StringComparison.Ordinal);
        return place < 0 ? (text, null) : (text[..place], text[(place + 1)..]);
    }

    private static TimeSpan Delay(string text)
    {
        var unit = text.TrimStart("0123456789".ToCharArray());
        var number = Whole(text[..^unit.Length]);
        return (unit, number) switch
        {
            ("ms", <= LongestDelayMs) => TimeSpan.FromMilliseconds(number),
            ("s", <= LongestDelayMs / 1000) => TimeSpan.FromSeconds(number),
            _ => throw new FormatException($"'{text}' is no time such as 100ms or 30s, of at most an hour."),
        };
    }
}
