using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Api;

/// <summary>
/// The members of an operation or a comparison, each asked for by its name. What is kept of them is copied: the
/// document goes.
/// </summary>
internal sealed class ItemMembers(JsonElement element)
{
    private int _left = element.GetPropertyCount();

    /// <summary>What is wrong with a member that was asked for, as a sentence; null: nothing.</summary>
    public string? Wrong { get; private set; }

    /// <summary>Whether there are members that nobody asked for.</summary>
    public bool HasMore => _left > 0;

    /// <summary>The key, as text or in base64url.</summary>
    public ReadOnlyMemory<byte> Key()
    {
        var (text, base64) = (Text("key"), Text("key64"));
        if (Wrong is not null)
            return default;
        if (text is null == base64 is null)
            return Fail("It must have one of key and key64.");
        var key = text is not null ? Encoding.UTF8.GetBytes(text) : Decoded(base64!);
        if (key is null)
            return Fail("key64 must be base64url without padding, and have no bits set beyond the last byte.");
        return KeyPath.Refuse(key) is { } refused ? Fail(refused.Detail) : key;
    }

    /// <summary>A string.</summary>
    public string? Text(string name)
    {
        if (Find(name) is not { } member)
            return null;
        if (member.ValueKind == JsonValueKind.String)
            return member.GetString();
        Fail($"{name} must be a string.");
        return null;
    }

    /// <summary>An integer of 64 bits.</summary>
    public long? Number(string name)
    {
        if (Find(name) is not { } member)
            return null;
        if (member.ValueKind == JsonValueKind.Number && member.TryGetInt64(out var number))
            return number;
        Fail($"{name} must be an integer of 64 bits.");
        return null;
    }

    /// <summary>True or false.</summary>
    public bool? Flag(string name)
    {
        if (Find(name) is not { } member)
            return null;
        if (member.ValueKind is JsonValueKind.True or JsonValueKind.False)
            return member.GetBoolean();
        Fail($"{name} must be true or false.");
        return null;
    }

    /// <summary>Any JSON, byte for byte as it came.</summary>
    public ReadOnlyMemory<byte>? Raw(string name) =>
        Find(name) is { } member ? JsonMarshal.GetRawUtf8Value(member).ToArray() : default(ReadOnlyMemory<byte>?);

    /// <summary>Bytes in base64, with padding.</summary>
    public ReadOnlyMemory<byte>? Base64(string name)
    {
        if (Find(name) is not { } member)
            return null;
        if (member.ValueKind == JsonValueKind.String && member.TryGetBytesFromBase64(out var bytes))
            return bytes;
        Fail($"{name} must be a string of base64 with padding.");
        return null;
    }

    /// <summary>Whether it is there; it must be asked for all the same.</summary>
    public bool Has(string name) => element.TryGetProperty(name, out _);

    /// <summary>Takes members that may be there, whatever they are.</summary>
    public void Skip(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            Find(name);
    }

    /// <summary>The bytes of a string, in UTF-8.</summary>
    public ReadOnlyMemory<byte> Bytes(string name) => Text(name) is { } text ? Encoding.UTF8.GetBytes(text) : default;

    /// <summary>A moment in milliseconds since 1970; 0: null, which is none; null: it is not there.</summary>
    public long? Moment(string name)
    {
        if (Find(name) is not { } member)
            return null;
        if (member.ValueKind == JsonValueKind.Null)
            return 0;
        if (member.ValueKind == JsonValueKind.String && member.TryGetDateTimeOffset(out var moment)
            && member.GetString() is [.., 'Z' or 'z'] or [.., '+' or '-', _, _, ':', _, _]
            && moment.ToUnixTimeMilliseconds() is > 0 and var milliseconds)
            return milliseconds;
        Fail($"{name} must be null or a time after 1970 as in RFC 3339, such as 2030-01-31T12:00:00.000Z.");
        return null;
    }

    /// <summary>A MIME type that can be stored.</summary>
    public string? ContentType()
    {
        var type = Text("contentType");
        if (type is not null && !MediaTypes.IsValid(type))
            Fail($"contentType must be a MIME type of at most {MediaTypes.MaxLength} characters.");
        return type;
    }

    /// <summary>What the writer tells of a value, as bytes of an entry; none for none.</summary>
    public ReadOnlyMemory<byte> Metadata()
    {
        if (Find("meta") is not { } member)
            return default;
        if (member.ValueKind != JsonValueKind.Object
            || member.EnumerateObject().Any(pair => pair.Value.ValueKind != JsonValueKind.String))
            return Fail("meta must be an object of strings.");
        var wrong = MetadataReader.Encode(
            [.. member.EnumerateObject().Select(pair => (pair.Name, pair.Value.GetString()!))], out var bytes);
        return wrong is null ? bytes : Fail($"meta: {wrong}");
    }

    /// <summary>How long a key is kept: a time, <c>none</c> or <c>keep</c>.</summary>
    public Ttl? Ttl()
    {
        switch (Text("ttl"))
        {
            case null:
                return null;
            case "none":
                return Core.State.Ttl.None;
            case "keep":
                return Core.State.Ttl.Keep;
            case var text:
                if (KvTtl.TryParse(text, out var milliseconds, out var wrong))
                    return Core.State.Ttl.After(milliseconds);
                Fail(wrong);
                return null;
        }
    }

    /// <summary>What <c>ifMatch</c> or <c>ifNoneMatch</c> ask for.</summary>
    public Condition? Condition(ulong clusterId)
    {
        var match = Etag("ifMatch", clusterId);
        switch (Text("ifNoneMatch"))
        {
            case null:
                return match;
            case "*" when match is null:
                return new Condition.Absent();
            default:
                Fail("An operation has one of ifMatch and ifNoneMatch, and the latter is an asterisk, to create only.");
                return null;
        }
    }

    /// <summary>One of some entity tags, or with an asterisk any.</summary>
    public Condition? Etag(string name, ulong clusterId)
    {
        if (Text(name) is not { } text)
            return null;
        if (EtagCondition.TryParse(text, out var tags, out var wrong))
            return tags.IsAny ? new Condition.Exists() : new Condition.VersionIn(Etags.VersionsIn(clusterId, tags));
        Fail($"{name}: {wrong}");
        return null;
    }

    /// <summary>A comparison of the number of the key's version.</summary>
    public Condition? VersionIs()
    {
        if (Find("version") is not { } member)
            return null;
        const string shape = "version must be an object with one of eq, ne, gt and lt: an integer of 0 or more.";
        if (member.ValueKind != JsonValueKind.Object || member.GetPropertyCount() != 1)
        {
            Fail(shape);
            return null;
        }

        var only = member.EnumerateObject().First();
        Comparison? comparison = only.Name switch
        {
            "eq" => Comparison.Equal,
            "ne" => Comparison.NotEqual,
            "gt" => Comparison.Greater,
            "lt" => Comparison.Less,
            _ => null,
        };
        if (comparison is { } kind && only.Value.ValueKind == JsonValueKind.Number
            && only.Value.TryGetInt64(out var number) && number >= 0)
            return new Condition.VersionIs(kind, new LogIndex(number));
        Fail(shape);
        return null;
    }

    private JsonElement? Find(string name)
    {
        if (!element.TryGetProperty(name, out var member))
            return null;
        _left--;
        return member;
    }

    private ReadOnlyMemory<byte> Fail(string wrong)
    {
        Wrong ??= wrong;
        return default;
    }

    /// <summary>Takes the one way to write a key in base64url.</summary>
    private static byte[]? Decoded(string text)
    {
        if (text.Length > KeyPath.MaxKeyBytes * 4 / 3 + 4 || !Base64Url.IsValid(text))
            return null;
        var bytes = Base64Url.DecodeFromChars(text);
        return Base64Url.EncodeToString(bytes) == text ? bytes : null;
    }
}
