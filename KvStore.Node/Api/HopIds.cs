using System.Globalization;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>
/// Makes ids for requests that came without one: 32 hexadecimal digits, a random half drawn once per process and a
/// counter, so that no two in a cluster are alike and making one costs no randomness.
/// </summary>
internal sealed class HopIds
{
    private readonly ulong _process = RandomIds.Number();
    private ulong _count;

    /// <summary>An id that was never given before.</summary>
    public string Next() => string.Create(
        CultureInfo.InvariantCulture, stackalloc char[32], $"{_process:x16}{Interlocked.Increment(ref _count):x16}");
}
