using System.Buffers;
using System.Net.Http.Headers;
using KvStore.Contracts;

namespace KvStore.Client.Transport;

/// <summary>One call: a request that may be sent several times, and what is known of its tries.</summary>
/// <param name="method">What to do.</param>
/// <param name="target">Path and query.</param>
/// <param name="operation">What it is called in traces and measurements, such as <c>get</c>.</param>
internal sealed class KvCall(HttpMethod method, string target, string operation)
{
    private static readonly TimeSpan WaitMargin = TimeSpan.FromSeconds(1);

    private readonly List<(string Name, string Value)> _headers = [];
    private volatile bool _isSent;
    private string? _token;

    public string Operation => operation;

    /// <summary>The bucket; null: it concerns all.</summary>
    public string? Bucket { get; init; }

    /// <summary>The key, by which its node is found; empty: any node will do.</summary>
    public ReadOnlyMemory<byte> Key { get; init; }

    /// <summary>How many operations it carries; 0: it is one itself.</summary>
    public int BatchSize { get; init; }

    /// <summary>How long all tries may take together.</summary>
    public required TimeSpan Timeout { get; init; }

    /// <summary>How long the store is asked to wait for something, beyond that.</summary>
    public TimeSpan AskedWait { get; init; }

    /// <summary>How long it may wait then: nodes make a wait longer by a tenth at most.</summary>
    public TimeSpan Wait => AskedWait > TimeSpan.Zero ? AskedWait * LongPoll.LongestFactor + WaitMargin : TimeSpan.Zero;

    /// <summary>What is sent; null: nothing.</summary>
    public ReadOnlyMemory<byte>? Body { get; init; }

    public string? BodyType { get; init; }

    /// <summary>Whether an answer that never ends is wanted as soon as it begins.</summary>
    public bool IsStream { get; init; }

    /// <summary>
    /// Chooses by the answer's headers who gets the value of a read that finds one, in the place of the answer; null:
    /// the answer has it.
    /// </summary>
    public Func<KvAnswer, IBufferWriter<byte>?>? Into { get; set; }

    /// <summary>Whether it may change the store.</summary>
    public bool IsWrite { get; init; }

    /// <summary>Whether any copy may answer, and not the primary alone.</summary>
    public bool IsForAnyCopy { get; init; }

    /// <summary>The refusal that is an answer to the caller: what it asked for is not there.</summary>
    public ProblemType Absence { get; init; } = ProblemType.NotFound;

    /// <summary>What must be seen at least, sent with each try; learns what the answer saw.</summary>
    public KvSession? Session { get; init; }

    /// <summary>The name of a write, by which it is done once; null: it has none, and must not be sent again.</summary>
    public string? Name { get; set; }

    /// <summary>Whether another name would do: the caller gave none.</summary>
    public bool IsNameOurs { get; set; }

    /// <summary>Whether the name carries its time, so that the store refuses it when it has forgotten it.</summary>
    public bool IsNameTimed =>
        Guid.TryParseExact(Name, "D", out var id)
        && (id.Version, id.Variant & 0b1100) == (7, 0b1000)
        && id.ToString().Equals(Name, StringComparison.OrdinalIgnoreCase);    // other forms are read, too

    /// <summary>Whether a try that failed may have been carried out all the same.</summary>
    public bool MayBeApplied { get; set; }

    /// <summary>Whether a connection was there for the last try, and wanted what a write sends.</summary>
    public bool IsSent => _isSent;

    /// <summary>How much time is left after the last try.</summary>
    public TimeSpan Left { get; set; }

    /// <summary>Whether an answer refuses a part of the call for the moment; null: none ever does.</summary>
    public Func<KvAnswer, bool>? IsPartial { get; init; }

    /// <summary>Whether it was changed after the last refusal, so that it may be done now.</summary>
    public bool IsMended { get; private set; }

    /// <summary>Who was asked last; null: nobody yet.</summary>
    public Uri? Server { get; set; }

    /// <summary>Whose turn its first try was, of those who take turns; null: that is not chosen yet.</summary>
    public uint? Turn { get; set; }

    public void Add(string name, string value) => _headers.Add((name, value));

    /// <summary>The request, made anew for each try.</summary>
    /// <param name="server">Who is asked.</param>
    /// <param name="told">How long the store may take for it, without what it waits.</param>
    /// <param name="wait">How long it may wait at most.</param>
    public HttpRequestMessage ToRequest(Uri server, TimeSpan told, TimeSpan wait = default)
    {
        var request = new HttpRequestMessage(method, new Uri(server, target));
        request.Headers.ExpectContinue = false;    // else a head could do what nobody has seen sent
        foreach (var (name, value) in _headers)
            Add(request.Headers, name, value);
        Add(request.Headers, KvHeaders.Timeout, KvTimeout.Format(told));    // of a stream: until it begins
        if (AskedWait > TimeSpan.Zero)
            Add(request.Headers, KvHeaders.Prefer, $"wait={SecondsToAsk(wait)}");
        if (Name is { } write)
            Add(request.Headers, KvHeaders.IdempotencyKey, write);
        _token = Session?.Token;
        if (_token is { } seen)
            Add(request.Headers, KvHeaders.Session, seen);
        if (!IsWrite)
            return request;
        _isSent = false;
        request.Content = new SentContent(Body ?? default, () => _isSent = true);
        if (Body is not null)
            Add(request.Content.Headers, "Content-Type", BodyType);
        return request;
    }

    /// <summary>
    /// Changes what the store refuses for good and needs not be so: a session of a cluster that is gone begins anew,
    /// and a new name does not carry the time of a clock that is wrong.
    /// </summary>
    public void Mend(Problem? refusal)
    {
        IsMended = true;
        if (refusal?.Code == ProblemType.Conflict.Code && _token is { } token)
            Session?.Forget(token);
        else if (IsOfTime(refusal) && IsNameOurs && IsNameTimed && !MayBeApplied)
            Name = Guid.NewGuid().ToString();
        else
            IsMended = false;
    }

    private static bool IsOfTime(Problem? refusal) =>
        refusal?.Code == ProblemType.IdempotencyAhead.Code || refusal?.Code == ProblemType.IdempotencyExpired.Code;

    private long SecondsToAsk(TimeSpan wait) => Math.Clamp(
        (long)Math.Ceiling((wait - WaitMargin).TotalSeconds / LongPoll.LongestFactor),
        0,
        (long)AskedWait.TotalSeconds);

    private static void Add(HttpHeaders headers, string name, string? value)
    {
        if (!headers.TryAddWithoutValidation(name, value))
            throw new ArgumentException($"'{name}' is no name that a header of a request can have.");
    }
}
