using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// What is remembered of one request: what it asked for, what that came to, and when (<see cref="LogTime.PassedMs"/>).
/// </summary>
internal readonly record struct RememberedRequest(
    ulong Fingerprint, WriteStatus Status, KeyVersion Version, long PassedMs, LogIndex Index)
{
    /// <summary>The sum, of an increment.</summary>
    public long Number { get; init; }

    /// <summary>What each operation came to (<see cref="ItemResultsFormat"/>); empty for one alone.</summary>
    public ReadOnlyMemory<byte> Items { get; init; }

    public static RememberedRequest Of(WriteResult result, ulong fingerprint, long passedMs, LogIndex index) =>
        new(fingerprint, result.Status, result.Version, passedMs, index)
        {
            Number = result.Number,
            Items = ItemResultsFormat.Encode(result.Items, result.Version),
        };

    /// <summary>The first answer again.</summary>
    public WriteResult Replay() => new(Status, Version, IsReplay: true)
    {
        Number = Number,
        Items = ItemResultsFormat.Decode(Items, Version),
    };
}

/// <summary>
/// The requests that were applied lately, by id, so that a retry is answered and not applied again. Immutable. The
/// kinds of ids are forgotten separately, each oldest first, when older than their window in log time or too many.
/// </summary>
internal sealed class RememberedRequests
{
    /// <summary>
    /// Ids forgotten per command at most: more than are added, so that the number falls back to the limit.
    /// </summary>
    private const int MaxForgottenAtOnce = 4;

    private readonly CowMap<RequestId, RequestId, RememberedRequest, RequestIdOrder> _byId;
    private readonly CowMap<long, long, RequestId, AgeOrder> _namedAges;
    private readonly CowMap<long, long, RequestId, AgeOrder> _internalAges;
    private readonly CowMap<long, long, RequestId, AgeOrder> _timedAges;

    private RememberedRequests(
        CowMap<RequestId, RequestId, RememberedRequest, RequestIdOrder> byId,
        CowMap<long, long, RequestId, AgeOrder> namedAges,
        CowMap<long, long, RequestId, AgeOrder> internalAges,
        CowMap<long, long, RequestId, AgeOrder> timedAges,
        long horizonMs,
        long itemBytes)
    {
        _byId = byId;
        _namedAges = namedAges;
        _internalAges = internalAges;
        _timedAges = timedAges;
        HorizonMs = horizonMs;
        ItemBytes = itemBytes;
    }

    public static RememberedRequests None { get; } = new(
        CowMap<RequestId, RequestId, RememberedRequest, RequestIdOrder>.Empty,
        CowMap<long, long, RequestId, AgeOrder>.Empty,
        CowMap<long, long, RequestId, AgeOrder>.Empty,
        CowMap<long, long, RequestId, AgeOrder>.Empty,
        horizonMs: 0,
        itemBytes: 0);

    /// <summary>
    /// The latest time in a timed id that was forgotten; never falls. A timed id at or below it that is not remembered
    /// may be one of those; one above it is certainly none. No clock decides that, only other ids.
    /// </summary>
    public long HorizonMs { get; }

    public long Count => _byId.Count;

    /// <summary>Bytes of what the operations of batches and transactions came to.</summary>
    public long ItemBytes { get; }

    public bool TryFind(RequestId id, out RememberedRequest request) => _byId.TryFind(id, out request);

    /// <summary>All of them, in the order of their ids.</summary>
    public IEnumerable<KeyValuePair<RequestId, RememberedRequest>> All => _byId;

    /// <summary>Whether the id may belong to a request that was applied and forgotten.</summary>
    public bool MayHaveForgotten(RequestId id) => id.Kind == RequestIdKind.Timed && id.TimeMs <= HorizonMs;

    public RememberedRequests With(RequestId id, RememberedRequest request)
    {
        Invariant.Holds(!_byId.TryFind(id, out _));    // else its age and its bytes would be counted twice
        var (byId, age) = (_byId.With(id, request), request.Index.Value);
        var bytes = ItemBytes + request.Items.Length;
        return id.Kind switch
        {
            RequestIdKind.Named => new(byId, _namedAges.With(age, id), _internalAges, _timedAges, HorizonMs, bytes),
            RequestIdKind.Internal => new(byId, _namedAges, _internalAges.With(age, id), _timedAges, HorizonMs, bytes),
            RequestIdKind.Timed => new(byId, _namedAges, _internalAges, _timedAges.With(age, id), HorizonMs, bytes),
            _ => throw new ArgumentException("An id of no known kind.", nameof(id)),
        };
    }

    /// <summary>Forgets a few of what is too old when <paramref name="nowMs"/> have passed, or too many.</summary>
    public RememberedRequests Forget(long nowMs, RequestMemory memory)
    {
        var (byId, horizonMs, bytes) = (_byId, HorizonMs, ItemBytes);
        var (oldest, limit) = (nowMs - memory.ClientWindowMs, memory.Limit);
        var named = ForgetFrom(_namedAges, oldest, limit, ref byId, ref horizonMs, ref bytes);
        var internals = ForgetFrom(
            _internalAges, nowMs - memory.InternalWindowMs, limit, ref byId, ref horizonMs, ref bytes);
        var timed = ForgetFrom(_timedAges, oldest, limit, ref byId, ref horizonMs, ref bytes);
        return ReferenceEquals(byId, _byId) ? this : new(byId, named, internals, timed, horizonMs, bytes);
    }

    /// <summary>Puts together what <see cref="All"/> gave out.</summary>
    /// <param name="ids">In ascending order.</param>
    /// <param name="requests">As many as <paramref name="ids"/>.</param>
    /// <param name="horizonMs"><see cref="HorizonMs"/>.</param>
    /// <exception cref="InvalidDataException">Two of one kind claim to be the same entry of the log.</exception>
    public static RememberedRequests FromOrdered(
        List<RequestId> ids, List<RememberedRequest> requests, long horizonMs) => new(
        CowMap<RequestId, RequestId, RememberedRequest, RequestIdOrder>.FromOrdered(ids, requests),
        Ages(ids, requests, RequestIdKind.Named),
        Ages(ids, requests, RequestIdKind.Internal),
        Ages(ids, requests, RequestIdKind.Timed),
        horizonMs,
        requests.Sum(request => (long)request.Items.Length));

    public static int Compare(RequestId left, RequestId right)
    {
        var high = left.High.CompareTo(right.High);
        if (high != 0)
            return high;
        var low = left.Low.CompareTo(right.Low);
        return low != 0 ? low : left.Kind.CompareTo(right.Kind);
    }

    private static CowMap<long, long, RequestId, AgeOrder> Ages(
        List<RequestId> ids, List<RememberedRequest> requests, RequestIdKind kind)
    {
        var ordered = ids.Zip(requests, (id, request) => (request.Index, Id: id))
            .Where(pair => pair.Id.Kind == kind)
            .OrderBy(pair => pair.Index)
            .ToList();
        for (var at = 1; at < ordered.Count; at++)
        {
            if (ordered[at].Index == ordered[at - 1].Index)
                throw new InvalidDataException(
                    $"State image: two requests were applied by the entry {ordered[at].Index}.");
        }

        return CowMap<long, long, RequestId, AgeOrder>.FromOrdered(
            [.. ordered.Select(pair => pair.Index.Value)], [.. ordered.Select(pair => pair.Id)]);
    }

    private static CowMap<long, long, RequestId, AgeOrder> ForgetFrom(
        CowMap<long, long, RequestId, AgeOrder> ages,
        long oldestMs,
        long limit,
        ref CowMap<RequestId, RequestId, RememberedRequest, RequestIdOrder> byId,
        ref long horizonMs,
        ref long itemBytes)
    {
        for (var forgotten = 0; forgotten < MaxForgottenAtOnce && ages.TryFirst(out var index, out var id); forgotten++)
        {
            byId.TryFind(id, out var oldest);
            if (oldest.PassedMs >= oldestMs && ages.Count <= limit)
                break;
            byId = byId.Without(id);
            ages = ages.Without(index);
            itemBytes -= oldest.Items.Length;
            if (id.Kind == RequestIdKind.Timed)
                horizonMs = Math.Max(horizonMs, id.TimeMs);
        }

        return ages;
    }

    private readonly struct AgeOrder : IKeyOrder<long, long>
    {
        public static int Compare(long probe, long key) => probe.CompareTo(key);

        public static long ProbeOf(long key) => key;

        public static long Detach(long key) => key;
    }
}
