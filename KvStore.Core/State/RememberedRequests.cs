using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// What is remembered of one request: what it asked for, what that came to, and when (<see cref="LogTime.PassedMs"/>).
/// </summary>
internal readonly record struct RememberedRequest(
    ulong Fingerprint, WriteStatus Status, KeyVersion Version, long PassedMs, LogIndex Index);

/// <summary>
/// The requests that were applied lately, by id, so that a retry is answered and not applied again. Immutable. Ids of
/// clients and internal ones are forgotten separately, each kind oldest first, when older than its window in log time
/// or beyond <see cref="Limit"/> in number.
/// </summary>
internal sealed class RememberedRequests
{
    /// <summary>How long a client's id is remembered, in log time.</summary>
    public const long ClientWindowMs = 10 * 60 * 1000;

    /// <summary>How long an internal id is remembered: twice the longest deadline of a request.</summary>
    public const long InternalWindowMs = 2 * 60 * 1000;

    /// <summary>
    /// Ids of one kind that one partition remembers at most. At ten thousand writes a second into one partition an
    /// internal id still outlives the longest deadline.
    /// </summary>
    public const long Limit = 1_000_000;

    /// <summary>
    /// Ids forgotten per command at most: more than are added, so that the number falls back to the limit.
    /// </summary>
    private const int MaxForgottenAtOnce = 4;

    private readonly CowMap<RequestId, RequestId, RememberedRequest, IdOrder> _byId;
    private readonly CowMap<long, long, RequestId, AgeOrder> _clientAges;
    private readonly CowMap<long, long, RequestId, AgeOrder> _internalAges;

    private RememberedRequests(
        CowMap<RequestId, RequestId, RememberedRequest, IdOrder> byId,
        CowMap<long, long, RequestId, AgeOrder> clientAges,
        CowMap<long, long, RequestId, AgeOrder> internalAges)
    {
        _byId = byId;
        _clientAges = clientAges;
        _internalAges = internalAges;
    }

    public static RememberedRequests None { get; } = new(
        CowMap<RequestId, RequestId, RememberedRequest, IdOrder>.Empty,
        CowMap<long, long, RequestId, AgeOrder>.Empty,
        CowMap<long, long, RequestId, AgeOrder>.Empty);

    public long Count => _byId.Count;

    public bool TryFind(RequestId id, out RememberedRequest request) => _byId.TryFind(id, out request);

    /// <summary>All of them, in the order of their ids.</summary>
    public IEnumerable<KeyValuePair<RequestId, RememberedRequest>> All => _byId;

    public RememberedRequests With(RequestId id, RememberedRequest request)
    {
        var byId = _byId.With(id, request);
        return id.IsInternal
            ? new(byId, _clientAges, _internalAges.With(request.Index.Value, id))
            : new(byId, _clientAges.With(request.Index.Value, id), _internalAges);
    }

    /// <summary>Forgets a few of what is too old when <paramref name="nowMs"/> have passed.</summary>
    public RememberedRequests Forget(long nowMs)
    {
        var byId = _byId;
        var clients = ForgetFrom(_clientAges, nowMs - ClientWindowMs, ref byId);
        var internals = ForgetFrom(_internalAges, nowMs - InternalWindowMs, ref byId);
        return ReferenceEquals(byId, _byId) ? this : new(byId, clients, internals);
    }

    /// <summary>Puts together what <see cref="All"/> gave out.</summary>
    /// <param name="ids">In ascending order.</param>
    /// <param name="requests">As many as <paramref name="ids"/>.</param>
    /// <exception cref="InvalidDataException">Two of one kind claim to be the same entry of the log.</exception>
    public static RememberedRequests FromOrdered(List<RequestId> ids, List<RememberedRequest> requests) => new(
        CowMap<RequestId, RequestId, RememberedRequest, IdOrder>.FromOrdered(ids, requests),
        Ages(ids, requests, isInternal: false),
        Ages(ids, requests, isInternal: true));

    public static int Compare(RequestId left, RequestId right)
    {
        var high = left.High.CompareTo(right.High);
        if (high != 0)
            return high;
        var low = left.Low.CompareTo(right.Low);
        return low != 0 ? low : left.IsInternal.CompareTo(right.IsInternal);
    }

    private static CowMap<long, long, RequestId, AgeOrder> Ages(
        List<RequestId> ids, List<RememberedRequest> requests, bool isInternal)
    {
        var ordered = ids.Zip(requests, (id, request) => (request.Index, Id: id))
            .Where(pair => pair.Id.IsInternal == isInternal)
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
        long horizonMs,
        ref CowMap<RequestId, RequestId, RememberedRequest, IdOrder> byId)
    {
        for (var forgotten = 0; forgotten < MaxForgottenAtOnce && ages.TryFirst(out var index, out var id); forgotten++)
        {
            byId.TryFind(id, out var oldest);
            if (oldest.PassedMs >= horizonMs && ages.Count <= Limit)
                break;
            byId = byId.Without(id);
            ages = ages.Without(index);
        }

        return ages;
    }

    private readonly struct IdOrder : IKeyOrder<RequestId, RequestId>
    {
        public static int Compare(RequestId probe, RequestId key) => RememberedRequests.Compare(probe, key);

        public static RequestId ProbeOf(RequestId key) => key;

        public static RequestId Detach(RequestId key) => key;
    }

    private readonly struct AgeOrder : IKeyOrder<long, long>
    {
        public static int Compare(long probe, long key) => probe.CompareTo(key);

        public static long ProbeOf(long key) => key;

        public static long Detach(long key) => key;
    }
}
