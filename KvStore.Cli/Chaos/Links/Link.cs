using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace KvStore.Cli.Chaos.Links;

/// <summary>
/// All that one node sends to another: every connection that it opens to it passes here. The proxy has a loopback
/// address for this pair of nodes alone and listens there on the very ports of the node behind it; so the port that a
/// node names in its status is right on either side, and the programs need not know of it.
/// </summary>
internal sealed class Link : IAsyncDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<Joint, bool> _joints = [];
    private readonly List<(TcpListener Listener, Task Accepting)> _doors = [];
    private readonly Lock _gate = new();
    private readonly Random _random;
    private volatile LinkState _state = LinkState.Open;
    private volatile TaskCompletionSource _change = NewSignal();

    /// <summary>Listens at once.</summary>
    /// <param name="from">Who opens the connections.</param>
    /// <param name="to">Who is behind.</param>
    /// <param name="address">Where <paramref name="from"/> looks for <paramref name="to"/>.</param>
    /// <param name="ports">Those that <paramref name="to"/> listens on.</param>
    /// <param name="seed">Draws jitter and where connections break.</param>
    /// <exception cref="FailureException">A port cannot be opened there.</exception>
    public Link(int from, int to, IPAddress address, IEnumerable<int> ports, int seed)
    {
        (From, To, Address, _random) = (from, to, address, new Random(seed));
        foreach (var port in ports)
        {
            var listener = new TcpListener(address, port);
            try
            {
                listener.Start();
            }
            catch (SocketException failure)
            {
                throw new FailureException(
                    $"A link cannot listen on {address}:{port}: {failure.Message}. "
                    + "Only Linux has all loopback addresses.",
                    inner: failure);
            }

            _doors.Add((listener, AcceptAsync(listener, port)));
        }
    }

    public int From { get; }

    public int To { get; }

    public IPAddress Address { get; }

    /// <summary>Takes effect at once, for open connections too.</summary>
    public LinkState State
    {
        get => _state;
        set
        {
            lock (_gate)
            {
                _state = value;
                var change = _change;
                _change = NewSignal();
                change.TrySetResult();
            }

            if (!value.IsCut)
                return;
            foreach (var joint in _joints.Keys)
                joint.Reset();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        foreach (var (listener, accepting) in _doors)
        {
            listener.Dispose();
            await accepting.ConfigureAwait(false);
        }

        foreach (var joint in _joints.Keys)
            joint.Reset();
        await Task.WhenAll(_joints.Keys.Select(joint => joint.Running)).ConfigureAwait(false);
        _stopping.Dispose();
    }

    /// <summary>Waits while the link is clogged.</summary>
    internal async Task<LinkState> PassableAsync()
    {
        while (true)
        {
            var change = _change;    // before the state: what changes after it is noticed
            var state = _state;
            if (!state.IsClogged)
                return state;
            await change.Task.WaitAsync(_stopping.Token).ConfigureAwait(false);
        }
    }

    /// <summary>Holds a piece back for as long as the state says; another state lets it go.</summary>
    internal async Task HoldAsync(LinkState state, int bytes)
    {
        TimeSpan held;
        lock (_gate)
            held = state.HoldOf(bytes, _random.NextDouble());
        var change = _change;
        if (held == TimeSpan.Zero || _state != state)
            return;
        await change.Task.WaitAsync(held, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Waits until the link is in another state.</summary>
    internal async Task LeavesAsync(LinkState state)
    {
        for (var change = _change; _state == state; change = _change)
            await change.Task.WaitAsync(_stopping.Token).ConfigureAwait(false);
    }

    /// <summary>How much of a piece passes before the connection breaks; null when it does not.</summary>
    internal int? BreaksAt(LinkState state, int count)
    {
        if (state.BreaksPerMille == 0)
            return null;
        lock (_gate)
            return _random.Next(1000) < state.BreaksPerMille ? _random.Next(count) : null;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task AcceptAsync(TcpListener listener, int port)
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                var near = await listener.AcceptSocketAsync(_stopping.Token).ConfigureAwait(false);
                var joint = new Joint(this, near);
                _joints[joint] = true;
                if (_state.IsCut)
                    joint.Reset();
                joint.Running = EndAsync(joint, port);
            }
            catch (Exception failure) when (failure is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // Whoever came is gone already.
            }
        }
    }

    private async Task EndAsync(Joint joint, int port)
    {
        await Task.Yield();
        await joint.RunAsync(port, _stopping.Token).ConfigureAwait(false);
        joint.Dispose();
        _joints.TryRemove(joint, out _);
    }
}
