using System.Globalization;

namespace KvStore.Cli.Chaos.Load;

/// <summary>Numbers for clients, and values and request ids that nobody else has in this run.</summary>
internal sealed class ClientNumbers(string run)
{
    private int _clients;
    private long _values;

    public int Next() => Interlocked.Increment(ref _clients);

    public string NextValue() => Interlocked.Increment(ref _values).ToString(CultureInfo.InvariantCulture);

    public string NextRequestId() => string.Create(
        CultureInfo.InvariantCulture, $"{run}-{Interlocked.Increment(ref _values)}");
}
