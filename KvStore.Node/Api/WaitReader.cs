using System.Globalization;
using System.Security.Cryptography;
using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>How long a read may wait for a change, from and to its headers.</summary>
internal static class WaitReader
{
    private const int JitterSteps = 1024;

    /// <summary>Reads what a request prefers: only who has an entry can wait for another one.</summary>
    public static void Read(IHeaderDictionary headers, KeyRequest read)
    {
        if (read.Verb is not Verb.Get || read.IfNoneMatch is not { IsAny: false } || read.IfMatch is not null)
            return;
        read.Wait = WithJitter(LongPoll.WaitIn(string.Join(',', headers[KvHeaders.Prefer].ToArray())));
    }

    /// <summary>A wait, made longer by some tenth of it.</summary>
    public static TimeSpan WithJitter(TimeSpan wait) =>
        wait + wait * ((LongPoll.LongestFactor - 1) * RandomNumberGenerator.GetInt32(JitterSteps + 1) / JitterSteps);

    /// <summary>What the next hop is to wait, which makes it longer again; null: not at all.</summary>
    public static string? Write(TimeSpan left) =>
        (int)(left.TotalSeconds / LongPoll.LongestFactor) is > 0 and var seconds
            ? string.Create(CultureInfo.InvariantCulture, $"wait={seconds}")
            : null;
}
