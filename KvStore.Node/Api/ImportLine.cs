using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.Ring;
using KvStore.Core.State;

namespace KvStore.Node.Api;

/// <summary>What a line of an import holds.</summary>
internal enum ImportLineKind
{
    /// <summary>Nothing that is stored: an empty line, or a cursor of the export.</summary>
    Mark,

    /// <summary>An entry.</summary>
    Entry,

    /// <summary>An entry whose time has passed.</summary>
    Expired,

    /// <summary>The last line of an export.</summary>
    End,
}

/// <summary>A line of an import, read.</summary>
/// <param name="Kind">What it holds.</param>
/// <param name="Put">The entry.</param>
/// <param name="Count">Of a last line: how many entries were before it.</param>
/// <param name="Refusal">Why the entry is not stored; null: it may be.</param>
internal readonly record struct ImportLine(
    ImportLineKind Kind, Operation.Put? Put = null, long Count = 0, Refusal? Refusal = null);

/// <summary>
/// Reads lines of an import: what an export writes, and what people write by hand. What was true of the entry where it
/// comes from alone (<c>etag</c>, <c>version</c>, <c>size</c>, <c>modified</c>) may be there and is not looked at.
/// </summary>
/// <param name="rules">The bucket's.</param>
/// <param name="ring">Says in which partition a key is.</param>
/// <param name="nowMs">The time there, in milliseconds since 1970: when an entry ends is told as a moment.</param>
/// <param name="isCreate">Whether an entry may only be stored where there is none.</param>
internal sealed class ImportLineReader(
    OperationRules rules, HashRing ring, Func<PartitionId, long> nowMs, bool isCreate)
{
    private const string Shape =
        "A line is an object with key or key64, value or base64, and optionally contentType, meta and expires; etag, "
        + "version, size and modified are not looked at; nothing else.";

    private static Refusal TooLong { get; } = new(
        ProblemType.BodyInvalid, "expires is more than ten years ahead.");

    /// <summary>Reads a line.</summary>
    /// <returns>Null when it was read; else what is wrong with it, as a sentence.</returns>
    public string? Read(ReadOnlyMemory<byte> line, out ImportLine read)
    {
        var result = default(ImportLine);
        read = default;
        if (line.Span.IndexOfAnyExcept(" \t\r"u8) < 0)
            return null;
        var wrong = StrictJson.Read(line, string.Empty, (document, _) =>
        {
            var reader = new Utf8JsonReader(
                document.Span, new JsonReaderOptions { MaxDepth = StrictJson.MaxDepth + 1 });
            reader.Read();
            return StrictJson.Walk(ref reader)
                ?? (reader.Read() ? "More follows the object." : ManyReader.ReadItem(document, ReadElement));
        });
        read = result;
        return wrong;

        string? ReadElement(JsonElement element) => Read(element, out result);
    }

    private string? Read(JsonElement element, out ImportLine line)
    {
        line = default;
        if (element.TryGetProperty("cursor"u8, out _))
            return ReadMark(element);
        if (element.TryGetProperty("end"u8, out _))
            return ReadEnd(element, out line);
        var members = new ItemMembers(element);
        members.Skip("etag", "version", "size", "modified");
        var (key, type, metadata, expires) =
            (members.Key(), members.ContentType(), members.Metadata(), members.Moment("expires"));
        var wrong = ReadValue(members, ref type, out var value) ?? (members.HasMore ? Shape : null);
        if (members.Wrong is not null || wrong is not null)
            return members.Wrong ?? wrong;
        var left = expires > 0 ? expires.Value - nowMs(ring.PartitionOf(key.Span)) : default(long?);
        var put = new Operation.Put
        {
            Key = key,
            Value = value,
            ContentType = type!,
            Metadata = metadata,
            Condition = isCreate ? new Condition.Absent() : null,
            Ttl = expires > 0 ? Ttl.Until(expires.Value)
                : expires is null && rules.Bucket.DefaultTtlMs is { } standard ? Ttl.After(standard)
                : Ttl.None,
        };
        line = new ImportLine(left <= 0 ? ImportLineKind.Expired : ImportLineKind.Entry, put)
        {
            Refusal = left > Ttl.LongestMs ? TooLong : null,
        };
        return null;
    }

    /// <summary>What stands between the pages of an export, and nothing else: an entry is not passed over.</summary>
    private static string? ReadMark(JsonElement element)
    {
        var members = new ItemMembers(element);
        var (cursor, count) = (members.Text("cursor"), members.Number("count"));
        return cursor is not null && count >= 0 && !members.HasMore
            ? null
            : "A line with cursor has that, which is a string, and count, and nothing else.";
    }

    private static string? ReadEnd(JsonElement element, out ImportLine line)
    {
        var members = new ItemMembers(element);
        members.Skip("snapshot");
        var (isEnd, count) = (members.Flag("end"), members.Number("count"));
        line = new ImportLine(ImportLineKind.End, Count: count ?? 0);
        return isEnd is true && count >= 0 && !members.HasMore
            ? null
            : "The last line of an export is an object with end, which is true, and count.";
    }

    /// <summary>The very bytes that an export wrote so.</summary>
    private static string? ReadValue(ItemMembers members, ref string? type, out ReadOnlyMemory<byte> value)
    {
        var (bytes, isInline) = (members.Base64("base64"), members.Has("value"));
        value = bytes ?? default;
        if (bytes is not null)
        {
            type ??= MediaTypes.Binary;
            return isInline ? Shape : null;
        }

        if (!isInline)
            return Shape;
        type ??= MediaTypes.Json;
        if (MediaTypes.MayBeInlineJson(type))
            value = members.Raw("value")!.Value;
        else if (MediaTypes.MayBeInlineText(type))
            value = members.Bytes("value");
        else
            return "A value that is neither JSON nor text in UTF-8, by its contentType, must be base64.";
        return null;
    }
}
