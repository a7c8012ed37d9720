using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvStore.Tests.Simulation.Checkers;

/// <summary>Histories as JSON lines, one operation each, in the form that independent judges read too.</summary>
internal static class HistoryFormat
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectRequiredConstructorParameters = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        IgnoreReadOnlyProperties = true,
    };

    /// <summary>Reads a history, line by line.</summary>
    /// <exception cref="InvalidDataException">
    /// A line is not an operation this checker can judge; names the line.
    /// </exception>
    public static IReadOnlyList<HistoryOperation> Read(TextReader reader)
    {
        List<HistoryOperation> history = [];
        for (var number = 1; reader.ReadLine() is { } line; number++)
        {
            if (line.Length > 0)
                history.Add(ReadLine(line, number));
        }

        return history;
    }

    /// <summary>Writes one operation per line.</summary>
    public static void Write(TextWriter writer, IEnumerable<HistoryOperation> history)
    {
        foreach (var operation in history)
            writer.WriteLine(JsonSerializer.Serialize(operation, Options));
    }

    private static HistoryOperation ReadLine(string line, int number)
    {
        try
        {
            return JsonSerializer.Deserialize<HistoryOperation>(line, Options)
                ?? throw new InvalidDataException($"Line {number}: expected an operation, found null.");
        }
        catch (JsonException wrong)
        {
            throw new InvalidDataException(
                $"Line {number}: not an operation this checker knows: {wrong.Message}", wrong);
        }
    }
}
