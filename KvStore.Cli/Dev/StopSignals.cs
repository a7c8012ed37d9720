using System.Runtime.InteropServices;

namespace KvStore.Cli.Dev;

/// <summary>
/// Ctrl-C, SIGTERM and the end of the terminal ask for an orderly end; a second Ctrl-C asks for an end at once.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private readonly List<PosixSignalRegistration> _signals = [];
    private readonly CancellationTokenSource _requested = new();
    private readonly CancellationTokenSource _forced = new();

    public StopSignals()
    {
        foreach (var signal in (PosixSignal[])
            [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGQUIT])
        {
            _signals.Add(PosixSignalRegistration.Create(signal, On));
        }
    }

    /// <summary>End in order.</summary>
    public CancellationToken Requested => _requested.Token;

    /// <summary>Do not wait for anybody.</summary>
    public CancellationToken Forced => _forced.Token;

    public void Dispose()
    {
        _signals.ForEach(signal => signal.Dispose());
        _requested.Dispose();
        _forced.Dispose();
    }

    private void On(PosixSignalContext context)
    {
        context.Cancel = true;
        if (context.Signal == PosixSignal.SIGINT && _requested.IsCancellationRequested)
            _forced.Cancel();
        else
            _requested.Cancel();
    }
}
