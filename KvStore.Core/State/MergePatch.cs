using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace KvStore.Core.State;

/// <summary>
/// JSON merge patch (RFC 7396). The result is put together from the texts of both documents, byte for byte: how a
/// number or a string was written stays, and no version of a library decides over it.
/// </summary>
public static class MergePatch
{
    /// <summary>How deep a patch and what it is applied to may be nested.</summary>
    public const int MaxDepth = 32;

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    /// <summary>Whether the bytes are JSON that can be a patch.</summary>
    public static bool IsPatch(ReadOnlyMemory<byte> bytes)
    {
        using var document = TryParse(bytes);
        return document is not null;
    }

    /// <summary>The patched document; null when one of both is not JSON.</summary>
    /// <param name="target">The document.</param>
    /// <param name="patch">What is to change in it.</param>
    public static ReadOnlyMemory<byte>? Apply(ReadOnlyMemory<byte> target, ReadOnlyMemory<byte> patch)
    {
        using var document = TryParse(target);
        using var change = TryParse(patch);
        if (document is null || change is null)
            return null;
        var result = new ArrayBufferWriter<byte>(target.Length + patch.Length);
        Write(result, document.RootElement, change.RootElement);
        return result.WrittenMemory;
    }

    /// <summary>Whether both are JSON and mean the same.</summary>
    public static bool MeanTheSame(ReadOnlyMemory<byte> left, ReadOnlyMemory<byte> right)
    {
        using var one = TryParse(left);
        if (one is null)
            return false;
        using var other = TryParse(right);
        return other is not null && JsonElement.DeepEquals(one.RootElement, other.RootElement);
    }

    private static JsonDocument? TryParse(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            return JsonDocument.Parse(bytes, Strict);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static void Write(ArrayBufferWriter<byte> to, JsonElement? target, JsonElement patch)
    {
        if (patch.ValueKind != JsonValueKind.Object)
        {
            to.Write(JsonMarshal.GetRawUtf8Value(patch));
            return;
        }

        var isFirst = true;
        to.Write("{"u8);
        if (target is { ValueKind: JsonValueKind.Object } known)
        {
            foreach (var member in known.EnumerateObject())
            {
                if (!patch.TryGetProperty(member.Name, out var change))
                    WriteMember(to, member, ref isFirst, () => to.Write(JsonMarshal.GetRawUtf8Value(member.Value)));
                else if (change.ValueKind != JsonValueKind.Null)
                    WriteMember(to, member, ref isFirst, () => Write(to, member.Value, change));
            }
        }

        foreach (var member in patch.EnumerateObject())
        {
            var isThere = target is { ValueKind: JsonValueKind.Object } there
                && there.TryGetProperty(member.Name, out _);
            if (!isThere && member.Value.ValueKind != JsonValueKind.Null)
                WriteMember(to, member, ref isFirst, () => Write(to, null, member.Value));
        }

        to.Write("}"u8);
    }

    private static void WriteMember(
        ArrayBufferWriter<byte> to, JsonProperty member, ref bool isFirst, Action writeValue)
    {
        if (!isFirst)
            to.Write(","u8);
        isFirst = false;
        to.Write("\""u8);
        to.Write(JsonMarshal.GetRawUtf8PropertyName(member));
        to.Write("\":"u8);
        writeValue();
    }
}
