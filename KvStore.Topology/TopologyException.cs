namespace KvStore.Topology;

/// <summary>Why there can be no such cluster, in one line for whoever asked for it.</summary>
public sealed class TopologyException(string message) : Exception(message);
