using KvStore.Core.Replication;
using KvStore.Node.Storage;

namespace KvStore.Node.Replication;

/// <summary>Which marks a replica has come to; asked only while marks are on.</summary>
internal static class StepMarks
{
    /// <summary>A message is here, the core has not seen it.</summary>
    public static void Received(Input input, bool doReadsWait)
    {
        switch ((input as Input.Receive)?.Message)
        {
            case PeerMessage.HeartbeatReply when doReadsWait:
                Marks.Reached(Mark.ReadEchoReceived);
                break;
            case PeerMessage.AppendRequest:
                Marks.Reached(Mark.AppendReceived);
                break;
            case PeerMessage.Heartbeat:
                Marks.Reached(Mark.HeartbeatReceived);
                break;
            case PeerMessage.VoteRequest:
                Marks.Reached(Mark.VoteRequestReceived);
                break;
        }
    }

    /// <summary>The core has decided, nothing of it is done.</summary>
    public static void Stepped(List<PartitionReplica> replicas)
    {
        if (replicas.Exists(replica => replica.DoReadsWait))
            Marks.Reached(Mark.ReadStepped);
        if (replicas.Exists(replica => replica.Effects.Accepted.Count > 0))
            Marks.Reached(Mark.WriteStepped);
        if (replicas.Exists(replica => replica.Effects.Send.Exists(IsVote)))
            Marks.Reached(Mark.VoteFlushed);    // or the core would still keep it back
    }

    /// <summary>Log and links have what the core decided.</summary>
    public static void Sent(List<PartitionReplica> replicas)
    {
        if (replicas.Exists(replica => replica.Effects.Accepted.Count > 0))
            Marks.Reached(Mark.WriteSent);
    }

    private static bool IsVote(Envelope envelope) =>
        envelope.Message is PeerMessage.VoteReply { IsGranted: true, IsPreVote: false };
}
