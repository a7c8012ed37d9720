namespace KvStore.Verification;

/// <summary>What each of the keys that are judged together holds; immutable.</summary>
internal readonly struct KeyStates : IEquatable<KeyStates>
{
    private readonly RegisterState[] _states;

    private KeyStates(RegisterState[] states) => _states = states;

    public RegisterState this[int key] => _states[key];

    /// <summary>None of them is there.</summary>
    public static KeyStates Empty(int keys) => new(new RegisterState[keys]);

    public static bool operator ==(KeyStates left, KeyStates right) => left.Equals(right);

    public static bool operator !=(KeyStates left, KeyStates right) => !left.Equals(right);

    public KeyStates With(int key, RegisterState state)
    {
        if (_states[key] == state)
            return this;
        var states = (RegisterState[])_states.Clone();
        states[key] = state;
        return new KeyStates(states);
    }

    public bool Equals(KeyStates other) =>
        _states == other._states || _states.AsSpan().SequenceEqual(other._states);

    public override bool Equals(object? obj) => obj is KeyStates other && Equals(other);

    public override int GetHashCode()
    {
        HashCode hash = default;
        foreach (var state in _states)
            hash.Add(state);
        return hash.ToHashCode();
    }

    public override string ToString() => string.Join(", ", _states);
}
