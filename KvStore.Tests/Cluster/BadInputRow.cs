using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace KvStore.Tests.Cluster;

/// <summary>One row of BadInput.txt: a request, byte for byte, and the answer that it gets at every door.</summary>
internal sealed partial record BadInputRow(
    int Status, string Code, string Method, byte[] Request, bool EndsSending, string[] Exempt)
{
    private const string NoHost = "-Host";
    private const string End = "-End";

    private static readonly Dictionary<string, string> Short = new()
    {
        ["json"] = "Content-Type: application/json",
        ["merge"] = "Content-Type: application/merge-patch+json",
        ["by"] = "Content-Type: application/vnd.kvstore.increment+json",
        ["lines"] = "Content-Type: application/x-ndjson",
        ["text"] = "Content-Type: text/plain",
        ["chunked"] = "Transfer-Encoding: chunked",
    };

    /// <summary>The rows of a file, without its comments.</summary>
    public static IEnumerable<string> LinesOf(string file) => File.ReadLines(file)
        .Where(line => line.Length > 0 && !line.StartsWith('#'));

    /// <summary>Reads a row.</summary>
    /// <param name="line">As the head of the file says.</param>
    /// <param name="names">What stands for each name in angle brackets.</param>
    public static BadInputRow Parse(string line, IReadOnlyDictionary<string, string> names)
    {
        var fields = line.Split([' '], 3, StringSplitOptions.RemoveEmptyEntries);
        var codes = fields[1].Split('!');
        var parts = fields[2].Split(" || ", 2);
        var head = parts[0].Split(" | ");
        var body = parts.Length == 2 ? Spell(parts[1], names) : null;
        var marks = head.Skip(1).Where(header => header is NoHost or End).ToArray();
        List<string> headers =
        [
            .. head.Skip(1)
                .Where(header => !marks.Contains(header))
                .Select(header => Spell(Short.GetValueOrDefault(header, header), names)),
        ];
        if (!marks.Contains(NoHost))
            headers.Insert(0, "Host: localhost");
        if (body is not null && !headers.Exists(IsFraming))
            headers.Add($"Content-Length: {body.Length}");
        var start = Spell(head[0], names);
        if (!Version().IsMatch(start))
            start += " HTTP/1.1";
        var text = string.Concat([start, "\r\n", .. headers.Select(header => header + "\r\n"), "\r\n", body ?? ""]);
        return new BadInputRow(
            int.Parse(fields[0], CultureInfo.InvariantCulture),
            codes[0],
            start.Split(' ')[0],
            Encoding.Latin1.GetBytes(text),
            marks.Contains(End),
            codes[1..]);
    }

    private static bool IsFraming(string header) =>
        header.StartsWith("Content-Length", StringComparison.OrdinalIgnoreCase)
        || header.StartsWith("Transfer-Encoding", StringComparison.OrdinalIgnoreCase);

    private static string Spell(string text, IReadOnlyDictionary<string, string> names)
    {
        text = Escape().Replace(text, match => match.Value[1] switch
        {
            'r' => "\r",
            'n' => "\n",
            '\\' => "\\",
            _ => ((char)byte.Parse(match.ValueSpan[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture))
                .ToString(),
        });
        text = Name().Replace(text, match => names[match.Groups[1].Value]);
        return Repeat().Replace(text, match => string.Concat(Enumerable.Repeat(
            match.Groups[1].Value, int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture))));
    }

    [GeneratedRegex(@"\\(r|n|\\|x[0-9a-f]{2})")]
    private static partial Regex Escape();

    [GeneratedRegex(@"<([a-z]+)>")]
    private static partial Regex Name();

    [GeneratedRegex(@"<(.+?)\*(\d+)>", RegexOptions.Singleline)]
    private static partial Regex Repeat();

    [GeneratedRegex(@" HTTP/\S*$")]
    private static partial Regex Version();
}
