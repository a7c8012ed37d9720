using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace KvStore.ServiceDefaults;

/// <summary>
/// How many connections one address may have open at once, so that nobody can take all of them; more are closed before
/// anything is read. Of IPv6 a whole /64 is one address: that is what one machine is given.
/// </summary>
/// <param name="most">1 or more.</param>
public sealed class ConnectionLimit(int most)
{
    /// <summary>The setting; <c>KvStore__MaxConnectionsPerAddress</c> as a variable.</summary>
    public const string Key = "KvStore:MaxConnectionsPerAddress";

    /// <summary>Connections when nothing is set: half of all.</summary>
    public const int Default = 10_000;

    private const int PrefixBytes = 8;

    private readonly Dictionary<IPAddress, int> _open = [];
    private readonly Lock _gate = new();

    /// <summary>Lets no more through on an endpoint; several may share one limit.</summary>
    public void Guard(ListenOptions endpoint) => endpoint.Use(next => connection => RunAsync(next, connection));

    /// <summary>Takes a place for one more of an address; false: there is none, and nothing is to be left.</summary>
    public bool TryEnter(IPAddress address)
    {
        lock (_gate)
        {
            var open = _open.GetValueOrDefault(address);
            if (open >= most)
                return false;
            _open[address] = open + 1;
            return true;
        }
    }

    /// <summary>Gives back what <see cref="TryEnter"/> took.</summary>
    public void Leave(IPAddress address)
    {
        lock (_gate)
        {
            if (_open[address] == 1)
                _open.Remove(address);
            else
                _open[address]--;
        }
    }

    /// <summary>The address that a connection counts for; null when it has none, as a pipe.</summary>
    public static IPAddress? CountedFor(EndPoint? remote)
    {
        if (remote is not IPEndPoint { Address: var address })
            return null;
        if (address.AddressFamily is not AddressFamily.InterNetworkV6)
            return address;
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4();
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[PrefixBytes..].Clear();
        return new IPAddress(bytes);
    }

    private async Task RunAsync(ConnectionDelegate next, ConnectionContext connection)
    {
        if (CountedFor(connection.RemoteEndPoint) is not { } address)
        {
            await next(connection);
            return;
        }

        if (!TryEnter(address))
        {
            connection.Abort(new ConnectionAbortedException("The address has as many connections as one may have."));
            return;
        }

        try
        {
            await next(connection);
        }
        finally
        {
            Leave(address);
        }
    }
}
