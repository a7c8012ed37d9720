using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using KvStore.Contracts;

namespace KvStore.Cli;

/// <summary>What goes to standard error: in words, or a line of JSON each for who asked for JSON.</summary>
internal sealed class Messages(TextWriter errors)
{
    /// <summary>Whether JSON was asked for; said before a verb does anything.</summary>
    public bool AreJson { get; set; }

    /// <summary>Why a verb ends.</summary>
    public void Tell(FailureException failure) => Write(new()
    {
        Error = CommandLine.OneLine(failure.Message),
        ExitCode = failure.ExitCode,
        Code = failure.Code,
        Applied = failure.Applied,
    });

    /// <summary>Something that ends nothing.</summary>
    public void Note(string text) => Write(new() { Note = CommandLine.OneLine(text) });

    /// <summary>An entry that an import left out.</summary>
    public void Note(ImportRefusal refusal)
    {
        var why = CommandLine.OneLine(refusal.Detail);
        Write(new()
        {
            Note = $"line {refusal.Line}, {refusal.Key}: {why} ({refusal.Code})",
            Code = refusal.Code,
            Line = refusal.Line,
            Key = refusal.Key,
        });
    }

    private void Write(Message message) => errors.WriteLine(AreJson
        ? JsonSerializer.Serialize(message, MessageJson.Lines.Message)
        : $"kv: {message.Error ?? message.Note}");
}

/// <summary>A line on standard error where JSON was asked for: a failure, or a note.</summary>
internal sealed record Message
{
    /// <summary>Why the verb ended; absent in a note.</summary>
    public string? Error { get; init; }

    /// <summary>Something that ended nothing; absent in a failure.</summary>
    public string? Note { get; init; }

    /// <summary>Of a failure: what the verb ended with.</summary>
    public int? ExitCode { get; init; }

    /// <summary>The code of the problem that the server answered.</summary>
    public string? Code { get; init; }

    /// <summary>What the server said of what was asked.</summary>
    public Applied? Applied { get; init; }

    /// <summary>Of an entry that was left out: its line.</summary>
    public long? Line { get; init; }

    /// <summary>Of an entry that was left out: its key.</summary>
    public string? Key { get; init; }
}

/// <summary>How these are written: camelCase, absent rather than null, one line each.</summary>
[JsonSerializable(typeof(Message))]
internal sealed partial class MessageJson : JsonSerializerContext
{
    /// <summary>Letters beyond ASCII stand for themselves.</summary>
    public static MessageJson Lines { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
