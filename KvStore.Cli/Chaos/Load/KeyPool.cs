using System.Globalization;

namespace KvStore.Cli.Chaos.Load;

/// <summary>
/// The few keys that all clients work on. A key that has seen as much as a checker can search through gives way to a
/// new one.
/// </summary>
internal sealed class KeyPool(string prefix, int keys)
{
    private const int MaxOperations = 1000;

    /// <summary>Those that may be: writes on their way count until they are answered.</summary>
    private const int MaxUnknown = 20;

    private readonly Lock _gate = new();
    private readonly Slot?[] _slots = new Slot?[keys];
    private readonly List<string> _names = [];

    /// <summary>Every key that was given out.</summary>
    public IReadOnlyList<string> Names
    {
        get
        {
            lock (_gate)
                return [.. _names];
        }
    }

    /// <summary>A key for one operation, or for several at once.</summary>
    public Slot Take(Random random, bool isWrite, int operations = 1)
    {
        lock (_gate)
        {
            var at = random.Next(_slots.Length);
            if (_slots[at] is not { Operations: < MaxOperations, Unknown: < MaxUnknown } slot)
            {
                _slots[at] = slot = new Slot(string.Create(CultureInfo.InvariantCulture, $"{prefix}{_names.Count}"));
                _names.Add(slot.Key);
            }

            slot.Operations += operations;
            slot.Unknown += isWrite ? operations : 0;
            return slot;
        }
    }

    /// <summary>The outcome of a write is known after all.</summary>
    public void Know(Slot slot)
    {
        lock (_gate)
            slot.Unknown--;
    }

    /// <summary>A key, and what has been done to it.</summary>
    public sealed class Slot(string key)
    {
        private volatile string? _etag;

        public string Key { get; } = key;

        /// <summary>A version that some client was told lately; what it demands often still holds.</summary>
        public string? Etag
        {
            get => _etag;
            set => _etag = value;
        }

        internal int Operations { get; set; }

        internal int Unknown { get; set; }
    }
}
