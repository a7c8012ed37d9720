using System.Globalization;
using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>What an answer says of the state that it was read from, whether the key was there or not.</summary>
/// <param name="Level">What the read really was.</param>
/// <param name="IsPrimary">Whether the copy was the primary's.</param>
/// <param name="Staleness">How long ago the copy was complete.</param>
internal readonly record struct ReadFacts(Consistency Level, bool IsPrimary, TimeSpan Staleness)
{
    /// <summary>Sets the headers; the age is rounded up, so that nothing seems newer than it is.</summary>
    public void WriteTo(IHeaderDictionary headers)
    {
        headers[KvHeaders.Role] = IsPrimary ? "primary" : "backup";
        headers[KvHeaders.Consistency] = ConsistencyWords.Of(Level);
        if (Level is Consistency.Strong)
            return;
        headers[KvHeaders.StalenessMs] = RoundedUp(Staleness.TotalMilliseconds);
        headers.Age = RoundedUp(Staleness.TotalSeconds);
    }

    private static string RoundedUp(double number) =>
        ((long)Math.Ceiling(number)).ToString(CultureInfo.InvariantCulture);
}
