using KvStore.Core.Replication;
using KvStore.Node.Storage;

namespace KvStore.Node.Replication;

/// <summary>Which failpoints a replica has come to; asked only while failpoints are on.</summary>
internal static class StepFailpoints
{
    /// <summary>A message is here, the core has not seen it.</summary>
    public static void Received(Input input, bool doReadsWait)
    {
        switch ((input as Input.Receive)?.Message)
        {
            case PeerMessage.HeartbeatReply when doReadsWait:
                Failpoints.Reached(Failpoint.ReadEchoReceived);
                break;
            case PeerMessage.AppendRequest:
                Failpoints.Reached(Failpoint.AppendReceived);
                break;
            case PeerMessage.Heartbeat:
                Failpoints.Reached(Failpoint.HeartbeatReceived);
                break;
            case PeerMessage.VoteRequest:
                Failpoints.Reached(Failpoint.VoteRequestReceived);
                break;
        }
    }

    /// <summary>The core has decided, nothing of it is done.</summary>
    public static void Stepped(List<PartitionReplica> replicas)
    {
        if (replicas.Exists(replica => replica.DoReadsWait))
            Failpoints.Reached(Failpoint.ReadStepped);
        if (replicas.Exists(replica => replica.Effects.Accepted.Count > 0))
            Failpoints.Reached(Failpoint.WriteStepped);
        if (replicas.Exists(replica => replica.Effects.Send.Exists(IsVote)))
            Failpoints.Reached(Failpoint.VoteFlushed);    // or the core would still keep it back
    }

    /// <summary>Log and links have what the core decided.</summary>
    public static void Sent(List<PartitionReplica> replicas)
    {
        if (replicas.Exists(replica => replica.Effects.Accepted.Count > 0))
            Failpoints.Reached(Failpoint.WriteSent);
    }

    private static bool IsVote(Envelope envelope) =>
        envelope.Message is PeerMessage.VoteReply { IsGranted: true, IsPreVote: false };
}
