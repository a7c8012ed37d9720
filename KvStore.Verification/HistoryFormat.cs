using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvStore.Verification;

/// <summary>Histories as JSON lines, one operation each, in the form that independent judges read too.</summary>
public static class HistoryFormat
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
    /// <exception cref="InvalidDataException">A line is no operation this checker can judge; names it.</exception>
    public static IReadOnlyList<HistoryOperation> Read(TextReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
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
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(history);
        foreach (var operation in history)
            writer.WriteLine(LineOf(operation));
    }

    internal static string LineOf(HistoryOperation operation) => JsonSerializer.Serialize(operation, Options);

    private static HistoryOperation ReadLine(string line, int number)
    {
        try
        {
            var operation = JsonSerializer.Deserialize<HistoryOperation>(line, Options)
                ?? throw new InvalidDataException($"Line {number}: expected an operation, found null.");
            return Fault(operation) is { } fault
                ? throw new InvalidDataException($"Line {number}: {fault}")
                : operation;
        }
        catch (JsonException wrong)
        {
            throw new InvalidDataException(
                $"Line {number}: not an operation this checker knows: {wrong.Message}", wrong);
        }
    }

    private static string? Fault(HistoryOperation operation)
    {
        var isTransaction = operation.Op == OperationKind.Txn;
        if (isTransaction != (operation.If ?? operation.Ops ?? operation.Else) is not null)
            return "if, ops and else belong to a txn, and a txn has one of them.";
        if (operation.Op == OperationKind.Increment != operation.By is not null)
            return "by belongs to an increment, and an increment has it.";
        return operation.Keys.Contains(operation.Key) ? null : "key is none of those that the txn names.";
    }
}
