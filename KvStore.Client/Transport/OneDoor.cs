namespace KvStore.Client.Transport;

/// <summary>One address for everything: a balancer, or a node that forwards.</summary>
internal sealed class OneDoor(Uri server) : IRoutes
{
    public Uri First => server;

    public ValueTask<Uri> PickAsync(KvCall call, int attempt, CancellationToken cancellation) => new(server);

    public void Learn(KvCall call, Uri server, KvAnswer answer)
    {
        // There is nothing to choose from.
    }

    public void Doubt(Uri server)
    {
        // There is nothing to choose from.
    }
}
