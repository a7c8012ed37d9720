using System.Globalization;

namespace KvStore.Node.Api;

/// <summary>The texts of <c>Kv-Copies</c>, each made once.</summary>
internal static class CopyCounts
{
    private const int MaxVoters = 8;
    private static readonly string[] Texts = MakeTexts();

    /// <summary>Such as <c>2/3</c>.</summary>
    public static string Format(int copies, int voters) =>
        copies is >= 0 and <= MaxVoters && voters is >= 0 and <= MaxVoters
            ? Texts[copies * (MaxVoters + 1) + voters]
            : Make(copies, voters);

    private static string[] MakeTexts()
    {
        var texts = new string[(MaxVoters + 1) * (MaxVoters + 1)];
        for (var at = 0; at < texts.Length; at++)
            texts[at] = Make(at / (MaxVoters + 1), at % (MaxVoters + 1));
        return texts;
    }

    private static string Make(int copies, int voters) =>
        string.Create(CultureInfo.InvariantCulture, $"{copies}/{voters}");
}
