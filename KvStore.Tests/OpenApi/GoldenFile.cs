using KvStore.Tests.House;

namespace KvStore.Tests.OpenApi;

/// <summary>
/// A file of the repository that says what something is to be, byte for byte, so that a change is seen.
/// </summary>
internal static class GoldenFile
{
    private const string Renew = "KVSTORE_RENEW_GOLDEN";

    /// <summary>Fails at the first line that differs; or, when asked to, writes the file.</summary>
    /// <param name="path">Relative to the root of the repository.</param>
    /// <param name="actual">What it is.</param>
    public static void AssertEqual(string path, string actual)
    {
        var file = Path.Combine(Repository.Root, path);
        if (Environment.GetEnvironmentVariable(Renew) is "1")
            File.WriteAllText(file, actual);
        var (expected, found) = (File.Exists(file) ? File.ReadAllText(file) : "", actual);
        if (expected == found)
            return;
        var (before, now) = (expected.Split('\n'), found.Split('\n'));
        var line = before.Zip(now).TakeWhile(pair => pair.First == pair.Second).Count();
        Assert.Fail(
            $"{path} differs from line {line + 1} on.\nbefore: {before.ElementAtOrDefault(line)}\n"
                + $"now:    {now.ElementAtOrDefault(line)}\n"
                + $"If that is meant, run this test once with {Renew}=1 and commit the file.");
    }
}
