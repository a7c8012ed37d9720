namespace KvStore.Cli.Chaos;

/// <summary>Many seeds from one, the same in every run.</summary>
internal static class Seeds
{
    public static int Of(int seed, params ReadOnlySpan<int> path)
    {
        var mixed = unchecked((uint)seed);
        foreach (var step in path)
            mixed = unchecked((mixed ^ (uint)step) * 2654435761 + 0x9E3779B9);
        return unchecked((int)(mixed ^ (mixed >> 15)));
    }
}
