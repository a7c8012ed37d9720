namespace KvStore.Client.Hosting;

/// <summary>How connections to a store are made.</summary>
internal static class ClientHandler
{
    public static void Configure(SocketsHttpHandler handler)
    {
        handler.AllowAutoRedirect = false;
        handler.UseCookies = false;
        handler.ConnectTimeout = TimeSpan.FromSeconds(2);
        handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5);    // a name may lead elsewhere by then
    }
}
