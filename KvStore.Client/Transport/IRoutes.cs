namespace KvStore.Client.Transport;

/// <summary>Knows where calls go.</summary>
internal interface IRoutes
{
    /// <summary>An address that stands for the store in traces.</summary>
    Uri First { get; }

    /// <summary>Where to send a try of a call, counted from 0.</summary>
    ValueTask<Uri> PickAsync(KvCall call, int attempt, CancellationToken cancellation);

    /// <summary>A server answered.</summary>
    void Learn(KvCall call, Uri server, KvAnswer answer);

    /// <summary>A server did not answer.</summary>
    void Doubt(Uri server);
}
