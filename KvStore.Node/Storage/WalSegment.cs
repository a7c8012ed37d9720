using System.Globalization;

namespace KvStore.Node.Storage;

/// <summary>One file of the log.</summary>
internal static class WalSegment
{
    private const string Prefix = "wal-";
    private const string Suffix = ".log";
    private const int FillBytes = 1024 * 1024;

    public static string PathOf(string folder, long number) =>
        Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{number:x16}{Suffix}"));

    /// <summary>The segments of a folder, in order.</summary>
    /// <exception cref="DataDamagedException">One is missing between others.</exception>
    /// <exception cref="DataDirectoryException">A file is none that a node makes.</exception>
    public static List<long> NumbersIn(IFileSystem files, string folder)
    {
        var numbers = new List<long>();
        foreach (var path in files.Files(folder).Where(IsSegment))
        {
            var digits = Path.GetFileName(path)[Prefix.Length..^Suffix.Length];
            if (digits.Length != 16
                || !long.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number))
            {
                throw DataDirectoryException.Stranger(path);
            }

            if (numbers.Count > 0 && number != numbers[^1] + 1)
                throw new DataDamagedException(folder, 0, $"segment {number:x} after {numbers[^1]:x}", "no gap");
            numbers.Add(number);
        }

        return numbers;
    }

    /// <summary>Makes a file of zeros and flushes it, so that later writes change no size.</summary>
    public static void FillWithZeros(IFileSystem files, string path, long size)
    {
        using var file = files.Create(path);
        var zeros = new byte[Math.Min(FillBytes, size)];
        for (long at = 0; at < size; at += zeros.Length)
            file.Write(zeros.AsSpan(0, (int)Math.Min(zeros.Length, size - at)), at);
        file.Flush();
    }

    public static byte[] ReadAll(IStorageFile file)
    {
        var bytes = new byte[file.Length];
        var read = file.Read(bytes, 0);
        return read == bytes.Length ? bytes : bytes[..read];
    }

    private static bool IsSegment(string path) =>
        Path.GetFileName(path).StartsWith(Prefix, StringComparison.Ordinal)
        && path.EndsWith(Suffix, StringComparison.Ordinal);
}
