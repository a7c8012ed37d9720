namespace KvStore.Verification;

/// <summary>
/// A point of the search: which answered operations are placed, which unanswered ones are assumed, what the keys hold.
/// </summary>
internal sealed class Configuration : IEquatable<Configuration>
{
    private const int WordBits = 64;
    private readonly ulong[] _placed;
    private readonly ulong[] _guessed;

    private Configuration(ulong[] placed, ulong[] guessed, KeyStates state)
    {
        _placed = placed;
        _guessed = guessed;
        State = state;
    }

    public KeyStates State { get; }

    public int PlacedCount { get; private set; }

    public int FirstUnplaced { get; private set; }

    public static Configuration Start(int answered, int unanswered, int keys) =>
        new(new ulong[(answered / WordBits) + 1], new ulong[(unanswered / WordBits) + 1], KeyStates.Empty(keys));

    public bool HasPlaced(int at) => (_placed[at / WordBits] >> (at % WordBits) & 1) != 0;

    public bool HasGuessed(int at) => (_guessed[at / WordBits] >> (at % WordBits) & 1) != 0;

    /// <summary>Only before the configuration is remembered as visited.</summary>
    public void Place(int at)
    {
        _placed[at / WordBits] |= 1UL << (at % WordBits);
        PlacedCount++;
        while (HasPlaced(FirstUnplaced))
            FirstUnplaced++;
    }

    public Configuration With(int at, KeyStates state)
    {
        var next = Copy(state);
        next.Place(at);
        return next;
    }

    public Configuration WithGuessed(int at, KeyStates state)
    {
        var next = Copy(state);
        next._guessed[at / WordBits] |= 1UL << (at % WordBits);
        return next;
    }

    public bool Equals(Configuration? other) =>
        other is not null
        && State == other.State
        && _placed.AsSpan().SequenceEqual(other._placed)
        && _guessed.AsSpan().SequenceEqual(other._guessed);

    public override bool Equals(object? obj) => Equals(obj as Configuration);

    public override int GetHashCode()
    {
        HashCode hash = default;
        hash.Add(State);
        foreach (var word in _placed)
            hash.Add(word);
        foreach (var word in _guessed)
            hash.Add(word);
        return hash.ToHashCode();
    }

    private Configuration Copy(KeyStates state) =>
        new((ulong[])_placed.Clone(), (ulong[])_guessed.Clone(), state)
        {
            PlacedCount = PlacedCount,
            FirstUnplaced = FirstUnplaced,
        };
}
