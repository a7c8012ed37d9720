namespace KvStore.Contracts;

/// <summary>The media types that have a meaning of their own here.</summary>
public static class KvMediaTypes
{
    /// <summary>An entry as JSON, as <see cref="EntryResponse"/> has it; under any path of a key.</summary>
    public const string Entry = "application/vnd.kvstore.entry+json";

    /// <summary>One JSON object a line: lists as they are read, exports and imports.</summary>
    public const string Lines = "application/x-ndjson";

    /// <summary>A change of a JSON value (RFC 7396).</summary>
    public const string MergePatch = "application/merge-patch+json";

    /// <summary>What is added to a number: <c>{"by": 1, "initial": 0}</c>, each of them 64 bits and optional.</summary>
    public const string Increment = "application/vnd.kvstore.increment+json";

    /// <summary>What PATCH takes, as <see cref="KvHeaders.AcceptPatch"/> lists it.</summary>
    public const string Patches = MergePatch + ", " + Increment;
}
