namespace KvStore.Tests.Mutants;

/// <summary>A node's storage with one law broken.</summary>
internal static class StorageMutants
{
    private const string Folder = "KvStore.Node/Storage/";
    private const string Saved =
        "                if (name.Index < snapshot.Index)\n                    files.Delete(name.Path);\n";

    public static IEnumerable<Mutant> All { get; } =
    [
        new("1", "a frame is not flushed", "PowerLoss", 1,
            new Change(
                Folder + "WalWriter.cs",
                "        WriteFrame(_frame);\n        _file.Flush();\n",
                "        WriteFrame(_frame);\n")),
        new("1", "a batch is reported before its flush", "PowerLoss", 4,
            new Change(
                Folder + "LogWriter.cs",
                "            _wal.Flush();\n            Interlocked.Increment(ref _flushes);\n",
                "            foreach (var batch in batches)\n                batch.OnFlushed();\n"
                + "            _wal.Flush();\n            batches.Clear();\n")),
        new("1", "what an earlier process left unflushed is believed", "PowerLoss", 47,
            new Change(Folder + "WalReader.cs", "isSealed ? behind : last, behind, torn", "behind, behind, torn")),
        new("2", "a term and vote are not written", "PowerLoss", 1,
            new Change(
                Folder + "WalWriter.cs",
                "            WalFormat.WriteHardState(_frame, partition, state);\n",
                "")),
        new("2", "a new segment does not repeat the votes", "PowerLoss", 1110,
            new Change(
                Folder + "WalWriter.cs",
                "            WalFormat.WriteHardState(_frame, partition, group.HardState);\n",
                "")),
        new("2", "an identity's file is renamed before it is flushed", "PowerLoss", 1,
            new Change(Folder + "CheckedDocument.cs", "            file.Flush();\n", "")),
        new("18", "entries before the snapshot are replayed again", "PowerLoss", 2,
            new Change(Folder + "LogRecovery.cs", "        entries.RemoveAll(entry => entry.Index <= index);\n", "")),
        new("19", "a snapshot's file is renamed before it is flushed", "PowerLoss", 1,
            new Change(Folder + "SnapshotFile.cs", "        file.Flush();\n", "")),
        new("19", "the folder is not flushed after the rename of a snapshot", "PowerLoss", 2,
            new Change(Folder + "SnapshotStore.cs", "        files.FlushDirectory(directory.Snapshots);\n", "")),
        new("19", "the log goes before the snapshot is on the disk", "PowerLoss", 52,
            new Change(Folder + "LogStorage.cs", "    {\n        _snapshots.Save(partition, snapshot);\n", "    {\n"),
            new Change(
                Folder + "LogStorage.cs",
                "            }\n        }\n    });",
                "            }\n        }\n\n        _snapshots.Save(partition, snapshot);\n    });")),
        new("19", "an older snapshot goes before the newer one is there", "PowerLoss", 1,
            new Change(Folder + "SnapshotStore.cs", "            Write(partition, snapshot);\n", ""),
            new Change(
                Folder + "SnapshotStore.cs",
                Saved + "            }\n",
                Saved + "            }\n\n            Write(partition, snapshot);\n")),
        new("19", "segments go before the log has said so", "PowerLoss", 230,
            new Change(
                Folder + "WalWriter.cs",
                "        WalFormat.WriteOldest(_frame, needed);\n        Flush(); ",
                "        WalFormat.WriteOldest(_frame, needed);\n")),
        new("20", "a flush that failed is tried again", "FailedCall", 33,
            new Change(
                Folder + "WalWriter.cs",
                "        WriteFrame(_frame);\n        _file.Flush();\n",
                "        WriteFrame(_frame);\n        try { _file.Flush(); } catch (IOException) {"
                + " _file.Flush(); }\n")),
        new("20", "the log goes on after a failed write", "FailedCall", 80,
            new Change(
                Folder + "WalWriter.cs",
                "        _file.Write(bytes, _offset);\n        _offset",
                "        try { _file.Write(bytes, _offset); } catch (IOException) { }\n        _offset")),
        new("21", "damage with good frames behind it is cut like a torn tail", "Damage", 10,
            new Change(
                Folder + "WalReader.cs",
                "if (FindFrame(bytes, behind, head.Key) is { } follower)",
                "if (FindFrame(bytes, behind, head.Key) is { } follower && follower < 0)")),
        new("21", "a frame's checksum is not looked at", "Damage", 8,
            new Change(
                Folder + "WalFormat.cs",
                "if (checksum != XxHash3.HashToUInt64(bytes[8..length]))",
                "if (checksum == 0)")),
        new("22", "that the log restarts behind a snapshot is not written", "PowerLoss", 1,
            new Change(
                Folder + "WalWriter.cs",
                "            AddRestart(partition, snapshot.Index, snapshot.Term);\n",
                "            GroupOf(partition).Restart(snapshot.Index, snapshot.Term);\n")),
        new("22", "a log that tells another history than the snapshot goes on", "PowerLoss", 46,
            new Change(
                Folder + "LogRecovery.cs",
                "            DropBefore(partition, index, term);\n",
                "            Restarts.Clear();\n")),
    ];
}
