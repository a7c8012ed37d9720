using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// One partition's state: applies commands in log order on one thread. Readers on any thread take
/// <see cref="Image"/>, which never changes.
/// </summary>
/// <param name="image">Where to start from: empty, recovered, or received.</param>
/// <param name="memory">How long requests are remembered; nothing: <see cref="RequestMemory.Default"/>.</param>
public sealed class KeyValueState(StateImage image, RequestMemory? memory = null)
{
    /// <summary>
    /// How far the time in a timed id may be ahead of log time. Else one client whose clock is far ahead would, once
    /// its ids are forgotten, have everybody else's refused.
    /// </summary>
    public const long LongestLeadMs = 60 * 1000;

    private readonly RequestMemory _memory = memory ?? RequestMemory.Default;
    private StateImage _image = image;

    /// <summary>The state as of the last applied command; one volatile read.</summary>
    public StateImage Image => Volatile.Read(ref _image);

    /// <summary>
    /// Applies a command's encoded form as the entry at (<paramref name="index"/>, <paramref name="term"/>).
    /// </summary>
    /// <exception cref="InvalidDataException">
    /// The payload is no command: the log holds what no replica proposed.
    /// </exception>
    public WriteResult Apply(LogIndex index, Term term, ReadOnlyMemory<byte> payload)
    {
        var command = CommandFormat.Decode(payload);
        var now = _image.At(command.TimeMs, _memory);
        if (command.RequestId is not { } id)
        {
            Volatile.Write(ref _image, Change(now, command, new KeyVersion(term, index), out var unnamed));
            return unnamed;
        }

        var fingerprint = CommandFormat.Fingerprint(payload.Span);
        if (now.Requests.TryFind(id, out var known))
        {
            Volatile.Write(ref _image, now);
            return known.Fingerprint == fingerprint
                ? new WriteResult(known.Status, known.Version, IsReplay: true)
                : new WriteResult(WriteStatus.RequestIdReused, KeyVersion.None, IsReplay: false);
        }

        if (Refuse(now, id) is { } refused)
        {
            Volatile.Write(ref _image, now);
            return new WriteResult(refused, KeyVersion.None, IsReplay: false);
        }

        var changed = Change(now, command, new KeyVersion(term, index), out var result);
        var request = new RememberedRequest(fingerprint, result.Status, result.Version, now.Time.PassedMs, index);
        Volatile.Write(ref _image, changed.Remembering(id, request));
        return result;
    }

    /// <summary>Whether the request was applied within the window that is remembered.</summary>
    public bool Remembers(RequestId id) => _image.Requests.TryFind(id, out _);

    /// <summary>A timed id is remembered, or certainly new, or refused.</summary>
    private static WriteStatus? Refuse(StateImage now, RequestId id) =>
        now.Requests.MayHaveForgotten(id) ? WriteStatus.RequestIdExpired
        : id.Kind == RequestIdKind.Timed && id.TimeMs - now.TimeMs > LongestLeadMs ? WriteStatus.RequestIdAhead
        : null;

    private static StateImage Change(StateImage image, Command command, KeyVersion version, out WriteResult result)
    {
        var current = image.Find(command.Key.Span);
        if (!IsMet(command.Condition, current))
        {
            result = new WriteResult(WriteStatus.VersionMismatch, current?.Version ?? KeyVersion.None, IsReplay: false);
            return image;
        }

        if (command is Command.Put put)
        {
            var entry = new StoredEntry(put.Value, put.ContentType, version, image.TimeMs);
            result = new WriteResult(
                current is null ? WriteStatus.Created : WriteStatus.Replaced, version, IsReplay: false);
            return image.With(put.Key, entry, current);
        }

        if (current is null)
        {
            result = new WriteResult(WriteStatus.NotFound, KeyVersion.None, IsReplay: false);
            return image;
        }

        result = new WriteResult(WriteStatus.Deleted, version, IsReplay: false);
        return image.Without(command.Key, current);
    }

    private static bool IsMet(Condition? condition, StoredEntry? current) => condition switch
    {
        null => true,
        Condition.Exists => current is not null,
        Condition.Absent => current is null,
        Condition.VersionIn versions => current is not null && versions.Versions.Contains(current.Version),
        _ => throw new ArgumentException("A condition of no known kind.", nameof(condition)),
    };
}
