using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Node.Options;

namespace KvStore.Node.Membership;

/// <summary>
/// Where the other nodes are: asks each configured address who lives there. Addresses come from the configuration
/// alone; what a node says of itself only tells which of them it is, and which port its peer link has.
/// </summary>
/// <remarks>
/// A connection that is reset while it opens comes out of the HTTP client as a bare <see cref="SocketException"/>.
/// </remarks>
internal sealed class PeerDirectory : IDisposable
{
    private static readonly TimeSpan AskTimeout = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long the one who is asked to take a node in may look for it and wait for the change to be committed.
    /// </summary>
    public static readonly TimeSpan JoinPatience = TimeSpan.FromSeconds(5);

    /// <summary>Longer, so that the asker hears why not.</summary>
    private static readonly TimeSpan JoinTimeout = JoinPatience + TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, Peer> _byName = new(StringComparer.Ordinal);
    private readonly NodeIdentity _self;
    private readonly IReadOnlyList<Uri> _addresses;
    private readonly CurrentView _current;
    private readonly HttpClient _http;

    public PeerDirectory(NodeIdentity self, NodeOptions options, CurrentView current)
    {
        _self = self;
        _current = current;
        Secret = new(options.ClusterSecret);
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = AskTimeout,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(10),
            ActivityHeadersPropagator = null,    // it asks for itself, and is a part of no trace
        };
        _http = new(Secret.Prove(handler))
        {
            Timeout = JoinTimeout,
            MaxResponseContentBufferSize = 1024 * 1024,
        };
        _addresses = [.. options.Cluster.Where(url => url != options.Url).Distinct()];
    }

    /// <summary>A node as it last described itself at an address.</summary>
    public sealed record Peer(Uri Url, NodeStatus Status)
    {
        public Uri PeerAddress => new($"http://{Url.Host}:{Status.PeerPort}");

        public ulong Incarnation { get; } = ClusterDocument.Parse(Status.Incarnation);
    }

    /// <summary>What calls to the others prove.</summary>
    public ClusterSecret Secret { get; }

    /// <summary>The addresses of the other members, as configured.</summary>
    public IReadOnlyList<Uri> Addresses => _addresses;

    /// <summary>Where a member's HTTP API was last reached; null when it never was.</summary>
    public Uri? UrlOf(NodeId member) => member == _current.Self ? _self.Url
        : _current.View?.Members.FirstOrDefault(candidate => candidate.Id == member) is { } found ? Find(found)?.Url
        : null;

    /// <summary>
    /// Where a member was last reached: under its name and on its disk. A node of another cluster may have the name
    /// too, and what is meant for the member must not be written there.
    /// </summary>
    public Peer? Find(Member member) =>
        _byName.TryGetValue(member.Name, out var peer) && peer.Incarnation == member.Incarnation ? peer : null;

    /// <summary>Asks every address once, all at the same time. What does not answer is not in the result.</summary>
    public async Task<IReadOnlyList<Peer>> AskAllAsync(CancellationToken cancellation)
    {
        var answers = await Task.WhenAll(_addresses.Select(url => AskAsync(url, cancellation))).ConfigureAwait(false);
        return [.. answers.OfType<Peer>()];
    }

    /// <summary>Asks a node to have this one taken in, on the disk it stands on now.</summary>
    /// <returns>The view in which it is; or why not, and whether asking again is of no use.</returns>
    public async Task<(ViewDocument? View, string? Why, bool IsFinal)> AskToJoinAsync(
        Peer peer, CancellationToken cancellation)
    {
        try
        {
            var request = new JoinRequest(_self.Name, ClusterDocument.Hex(_self.Incarnation));
            using var body = new ByteArrayContent(
                JsonSerializer.SerializeToUtf8Bytes(request, ContractsJson.Default.JoinRequest));
            body.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var answer = await _http.PostAsync(new Uri(peer.Url, Routes.Nodes), body, cancellation)
                .ConfigureAwait(false);
            if (answer.IsSuccessStatusCode)
            {
                return (
                    await answer.Content.ReadFromJsonAsync(ContractsJson.Default.ViewDocument, cancellation)
                        .ConfigureAwait(false),
                    null,
                    false);
            }

            var problem = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, cancellation)
                .ConfigureAwait(false);
            return (
                null,
                problem?.Detail,
                problem?.Code == ProblemType.Conflict.Code || problem?.Code == ProblemType.Forbidden.Code);
        }
        catch (Exception failure) when (
            failure is HttpRequestException or SocketException or JsonException or TaskCanceledException
            && !cancellation.IsCancellationRequested)
        {
            return (null, null, false);
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>
    /// Something else than a node may answer at an address, and a node says nothing that it does not say itself.
    /// </summary>
    private static bool IsSound(NodeStatus status) =>
        !string.IsNullOrEmpty(status.Name)
        && ClusterDocument.TryParse(status.Incarnation, out _)
        && (status.ClusterId is null || ClusterDocument.TryParse(status.ClusterId, out _))
        && status.PeerPort is >= 1 and <= 65535
        && AreSound(status.Members)
        && AreSound(status.Removed);

    private static bool AreSound(ImmutableArray<MemberStatus> members) =>
        !members.IsDefault
        && members.All(member =>
            !string.IsNullOrEmpty(member?.Name) && ClusterDocument.TryParse(member.Incarnation, out _));

    private async Task<Peer?> AskAsync(Uri url, CancellationToken cancellation)
    {
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(AskTimeout);
            var body = await _http.GetByteArrayAsync(new Uri(url, Routes.Status), patience.Token).ConfigureAwait(false);
            var status = JsonSerializer.Deserialize(body, ContractsJson.Default.NodeStatus);
            if (status is null || !IsSound(status))
                return null;
            var peer = new Peer(url, status);
            if (status.Name != _self.Name)
                _byName[status.Name] = peer;
            return peer;
        }
        catch (Exception failure) when (
            failure is HttpRequestException or SocketException or JsonException or TaskCanceledException
            && !cancellation.IsCancellationRequested)
        {
            return null;
        }
    }
}
