namespace KvStore.Node.Membership;

/// <summary>Who this process is: its name, where it is reached, and which disk it stands on.</summary>
internal sealed record NodeIdentity(string Name, Uri Url, int PeerPort, ulong Incarnation);
