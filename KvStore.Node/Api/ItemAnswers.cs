using System.Buffers;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Api;

/// <summary>What one operation is answered with.</summary>
/// <param name="Refusal">Why it was not done; null when it was.</param>
/// <param name="Result">What it came to.</param>
internal readonly record struct ItemAnswer(Refusal? Refusal, ItemResult Result);

/// <summary>Writes what batches and transactions came to, as JSON.</summary>
internal sealed class ItemAnswers : IDisposable
{
    private readonly ulong _clusterId;
    private readonly ArrayBufferWriter<byte> _buffer = new(4096);
    private readonly Utf8JsonWriter _json;

    /// <summary>Begins an object.</summary>
    /// <param name="clusterId">For the entity tags.</param>
    public ItemAnswers(ulong clusterId)
    {
        _clusterId = clusterId;
        _json = new Utf8JsonWriter(
            _buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        _json.WriteStartObject();
    }

    /// <summary>Whether a transaction did what was to be done if its comparisons hold, and its version.</summary>
    public void WriteOutcome(bool isMet, KeyVersion version)
    {
        _json.WriteBoolean("succeeded"u8, isMet);
        _json.WriteString("version"u8, $"{version.Index.Value}");
    }

    /// <summary>The results, in the order of the operations.</summary>
    public void WriteResults(ImmutableArray<Operation> operations, IReadOnlyList<ItemAnswer> answers)
    {
        _json.WriteStartArray("results"u8);
        for (var at = 0; at < operations.Length; at++)
            WriteItem(operations[at], answers[at]);
        _json.WriteEndArray();
    }

    /// <summary>Ends the object, and gives it.</summary>
    public ReadOnlyMemory<byte> End()
    {
        _json.WriteEndObject();
        _json.Flush();
        return _buffer.WrittenMemory;
    }

    /// <inheritdoc/>
    public void Dispose() => _json.Dispose();

    private void WriteItem(Operation operation, ItemAnswer answer)
    {
        var result = answer.Result;
        _json.WriteStartObject();
        _json.WriteNumber("status"u8, answer.Refusal?.Type.Status ?? StatusOf(result.Status));
        _json.WriteString("key"u8, operation.Key.Span);
        if (answer.Refusal is { } refusal)
        {
            WriteProblem(refusal);
        }
        else
        {
            WriteValue(operation, result);
            if (result.Status is not WriteStatus.Deleted)
                _json.WriteString("etag"u8, Etags.Format(_clusterId, result.Version));
            _json.WriteNumber("version"u8, result.Version.Index.Value);
        }

        _json.WriteEndObject();
    }

    private void WriteValue(Operation operation, ItemResult result)
    {
        if (operation is Operation.Increment)
            _json.WriteNumber("value"u8, result.Number);
        if (operation is not Operation.Get || result.Entry is not { } entry)
            return;
        EntryWriter.WriteValueTo(_json, entry.Value.Span, entry.ContentType);
        MetadataFormat.WriteTo(_json, entry.Metadata.Span);
    }

    /// <summary>Short: what is the same for the whole answer is said by its headers.</summary>
    private void WriteProblem(Refusal refusal)
    {
        _json.WriteStartObject("problem"u8);
        _json.WriteString("type"u8, refusal.Type.Reference);
        _json.WriteString("title"u8, refusal.Type.Title);
        _json.WriteNumber("status"u8, refusal.Type.Status);
        _json.WriteString("detail"u8, refusal.Detail);
        _json.WriteString("code"u8, refusal.Type.Code);
        _json.WriteBoolean("retryable"u8, refusal.Type.Retryable);
        _json.WriteString("applied"u8, refusal.Applied is Applied.Unknown ? "unknown"u8 : "no"u8);
        if (refusal.CurrentEtag is { } etag)
            _json.WriteString("currentEtag"u8, etag);
        _json.WriteEndObject();
    }

    private static int StatusOf(WriteStatus status) => status switch
    {
        WriteStatus.Created => StatusCodes.Status201Created,
        WriteStatus.Deleted => StatusCodes.Status204NoContent,
        _ => StatusCodes.Status200OK,
    };
}
