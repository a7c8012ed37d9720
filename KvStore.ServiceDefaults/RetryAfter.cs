using System.Globalization;
using System.Security.Cryptography;

namespace KvStore.ServiceDefaults;

/// <summary>
/// When a refused client may come again: <c>Retry-After</c> in whole seconds, spread so that those who were refused
/// together do not come back together.
/// </summary>
public static class RetryAfter
{
    private const int Spread = 2;

    /// <summary>The header's value: so many seconds, or up to two more.</summary>
    /// <param name="seconds">The least, 0 or more.</param>
    public static string Header(int seconds) =>
        (seconds + RandomNumberGenerator.GetInt32(Spread + 1)).ToString(CultureInfo.InvariantCulture);
}
