using System.ComponentModel.DataAnnotations;

namespace KvStore.Node.Storage;

/// <summary>Sizes of the log's files.</summary>
internal sealed class StorageOptions
{
    /// <summary>Bytes of one segment of the log, filled with zeros ahead of use; 1 MiB to 1 GiB.</summary>
    [Range(1L << 20, 1L << 30)]
    public long SegmentBytes { get; set; } = 32L << 20;

    /// <summary>Room on each disk below which a node takes no values.</summary>
    public DiskReserve Reserve { get; set; } = DiskReserve.Default;

    /// <summary>
    /// Room on each disk below which a node tells so, and saves its partitions to let go of their log.
    /// </summary>
    public DiskReserve Alarm { get; set; } = DiskReserve.DefaultAlarm;

    /// <summary>Bytes of items in one frame at most, unless a single item is larger.</summary>
    public int MaxFrameBytes { get; set; } = 8 << 20;
}
