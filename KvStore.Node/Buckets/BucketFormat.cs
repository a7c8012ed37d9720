using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Buckets;

/// <summary>The catalog's entries in the system group's state: keys and JSON; see docs/formats.md.</summary>
internal static class BucketFormat
{
    /// <summary>The MIME type of all of them.</summary>
    public const string ContentType = "application/json";

    private const string NamePrefix = "bucket/";
    private const string IdsKey = "bucket-ids";
    private const int IdDigits = 32;    // two numbers of 64 bits

    /// <summary>What the keys of all of them begin with.</summary>
    public static ReadOnlyMemory<byte> Prefix { get; } = "bucket"u8.ToArray();

    /// <summary>The key under which the next id is kept.</summary>
    public static ReadOnlyMemory<byte> KeyOfIds { get; } = Encoding.UTF8.GetBytes(IdsKey);

    /// <summary>The key of a name's entry.</summary>
    public static ReadOnlyMemory<byte> KeyOf(string name) => Encoding.UTF8.GetBytes(NamePrefix + name);

    /// <summary>The name that a key stands for; null when it stands for none.</summary>
    public static string? NameOf(ReadOnlySpan<byte> key)
    {
        var text = Encoding.UTF8.GetString(key);
        return text.StartsWith(NamePrefix, StringComparison.Ordinal) ? text[NamePrefix.Length..] : null;
    }

    /// <summary>Writes a name's entry.</summary>
    public static byte[] Encode(Bucket bucket) => JsonSerializer.SerializeToUtf8Bytes(
        new BucketDocument(
            WordFor(bucket.State),
            bucket.Id.Value,
            bucket.Revision,
            bucket.Settings,
            [.. bucket.Requests.Select(Describe)]),
        BucketJson.Default.BucketDocument);

    /// <summary>Reads a name's entry.</summary>
    /// <exception cref="InvalidDataException">It is none that this version writes.</exception>
    public static Bucket Decode(string name, ReadOnlySpan<byte> json, KeyVersion version)
    {
        try
        {
            var document = JsonSerializer.Deserialize(json, BucketJson.Default.BucketDocument)
                ?? throw new InvalidDataException($"The entry of bucket {name} is empty.");
            return new Bucket
            {
                Name = name,
                Id = new BucketId(document.Id),
                Revision = document.Revision,
                State = StateOf(document.State),
                Settings = document.Settings,
                Requests = [.. document.Requests.Select(Read)],
                EntryVersion = version,
            };
        }
        catch (Exception failure) when (failure is JsonException or FormatException or OverflowException)
        {
            throw new InvalidDataException($"The entry of bucket {name} cannot be read: {failure.Message}", failure);
        }
    }

    /// <summary>Writes the next id.</summary>
    public static byte[] EncodeIds(BucketId next) =>
        JsonSerializer.SerializeToUtf8Bytes(new BucketIdsDocument(next.Value), BucketJson.Default.BucketIdsDocument);

    /// <summary>Reads the next id.</summary>
    /// <exception cref="InvalidDataException">It is none that this version writes.</exception>
    public static BucketId DecodeIds(ReadOnlySpan<byte> json)
    {
        try
        {
            var document = JsonSerializer.Deserialize(json, BucketJson.Default.BucketIdsDocument)
                ?? throw new InvalidDataException("The entry of the next bucket id is empty.");
            return new BucketId(document.Next);
        }
        catch (JsonException failure)
        {
            throw new InvalidDataException($"The next bucket id cannot be read: {failure.Message}", failure);
        }
    }

    private static RequestDocument Describe(BucketRequest request) => new(
        Hex(request.Id.High) + Hex(request.Id.Low),
        (int)request.Id.Kind,
        Hex(request.Print),
        WordFor(request.Kind),
        request.Bucket.Value,
        request.Revision,
        request.AtMs);

    private static BucketRequest Read(RequestDocument? document) => document is null
        ? throw new FormatException("A request is null.")
        : new BucketRequest(
            IdOf(document),
            Number(document.Print),
            document.Came switch
            {
                "created" => BucketChangeKind.Created,
                "changed" => BucketChangeKind.Changed,
                "dropped" => BucketChangeKind.Dropped,
                _ => throw new FormatException($"A change came to {document.Came}."),
            },
            new BucketId(document.Bucket),
            document.Revision,
            document.At);

    private static RequestId IdOf(RequestDocument document) => document.Id.Length == IdDigits
        ? new RequestId(
            Number(document.Id[..(IdDigits / 2)]), Number(document.Id[(IdDigits / 2)..]), (RequestIdKind)document.Kind)
        : throw new FormatException($"The id of a request has {document.Id.Length} digits, not {IdDigits}.");

    private static BucketState StateOf(string word) => word switch
    {
        "live" => BucketState.Live,
        "dropping" => BucketState.Dropping,
        "dropped" => BucketState.Dropped,
        _ => throw new FormatException($"The state is {word}."),
    };

    private static string WordFor(BucketState state) => state switch
    {
        BucketState.Live => "live",
        BucketState.Dropping => "dropping",
        _ => "dropped",
    };

    private static string WordFor(BucketChangeKind kind) => kind switch
    {
        BucketChangeKind.Created => "created",
        BucketChangeKind.Changed => "changed",
        _ => "dropped",
    };

    private static string Hex(ulong value) => value.ToString("x16", CultureInfo.InvariantCulture);

    private static ulong Number(string hex) =>
        ulong.Parse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}

/// <summary>A name's entry.</summary>
internal sealed record BucketDocument(
    string State, uint Id, long Revision, BucketSettings Settings, ImmutableArray<RequestDocument> Requests);

/// <summary>A remembered request of an entry.</summary>
internal sealed record RequestDocument(
    string Id, int Kind, string Print, string Came, uint Bucket, long Revision, long At);

/// <summary>The next free id.</summary>
internal sealed record BucketIdsDocument(uint Next);

/// <summary>How the catalog is written as JSON. What is not known is refused: another version wrote it.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectRequiredConstructorParameters = true,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(BucketDocument))]
[JsonSerializable(typeof(BucketIdsDocument))]
internal sealed partial class BucketJson : JsonSerializerContext;
