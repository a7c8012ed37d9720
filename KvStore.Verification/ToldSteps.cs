namespace KvStore.Verification;

/// <summary>The steps of an operation that was answered as they were carried out.</summary>
internal static class ToldSteps
{
    public static IReadOnlyList<OperationStep> Of(HistoryOperation operation)
    {
        if (operation.Op != OperationKind.Txn)
            return [operation.Step];
        return operation switch
        {
            { Result: OperationResult.Fail } => [],
            { Succeeded: true } => operation.Ops ?? [],
            { Succeeded: false } => operation.Else ?? [],
            _ => throw new InvalidDataException(
                $"A transaction that was carried out tells which part was: {HistoryFormat.LineOf(operation)}"),
        };
    }
}
