using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>Changes as watchers read them.</summary>
internal sealed partial class EntryWriter
{
    /// <summary>
    /// Writes <c>{"event", "key", "etag", "version", "value" or "base64", "contentType"}</c>: the first where it is
    /// asked for, what follows the version of a put alone.
    /// </summary>
    public void WriteChange(in AppliedChange change, ulong clusterId, bool withKind, bool withValue)
    {
        _json.WriteStartObject();
        if (withKind)
            _json.WriteString("event"u8, NameOf(change.Kind));
        _json.WriteString("key"u8, change.Key.Span);
        if (change.Kind == KeyChangeKind.Put)
            _json.WriteString("etag"u8, Etags.Format(clusterId, change.Version));
        _json.WriteNumber("version"u8, change.Version.Index.Value);
        if (withValue && change.Kind == KeyChangeKind.Put
            && (WriteValue(_json, change.Value.Span, change.ContentType) || change.ContentType is not MediaTypes.Json))
            _json.WriteString("contentType"u8, change.ContentType);
        _json.WriteEndObject();
        _json.Flush();
    }

    /// <summary>The name of an event.</summary>
    public static ReadOnlySpan<byte> NameOf(KeyChangeKind kind) => kind switch
    {
        KeyChangeKind.Put => "put"u8,
        KeyChangeKind.Delete => "delete"u8,
        _ => "expire"u8,
    };
}
