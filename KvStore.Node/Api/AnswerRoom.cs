using KvStore.Core.State;

namespace KvStore.Node.Api;

/// <summary>
/// The bytes of values and their metadata that one answer may have: what does not fit is dropped as it comes, and not
/// held until the end.
/// </summary>
internal sealed class AnswerRoom
{
    /// <summary>Bytes of values and their metadata in one answer.</summary>
    public const int MaxBytes = 4 << 20;

    private int _left = MaxBytes;

    /// <summary>The result with its entry, or, where that is too large, without it.</summary>
    public ItemResult Take(ItemResult result)
    {
        if (result.Status is not WriteStatus.Found || result.Entry is not { } entry)
            return result with { Entry = null };
        var bytes = entry.Value.Length + entry.Metadata.Length;
        if (Interlocked.Add(ref _left, -bytes) >= 0)
            return result;
        Interlocked.Add(ref _left, bytes);
        return result with { Entry = null };
    }
}
