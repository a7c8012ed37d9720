using KvStore.Core.Replication;
using KvStore.Node.Storage;

namespace KvStore.Tests.Node.Storage;

/// <summary>One node's lives on one disk, and what must be there at the beginning of each.</summary>
internal sealed class DiskLife(int seed, string replay)
{
    private const int Operations = 40;

    private readonly Random _random = new(seed);
    private readonly StorageHistory _history = new(new Random(seed));

    public MemoryFileSystem Files { get; private set; } = new();

    /// <summary>Recovers and goes on until the call; gives the calls that were made.</summary>
    public Task<int> RunAsync(MemoryFileSystem files, int stopAt, IoFault fault = IoFault.PowerLoss) =>
        RunAsync(files, stopAt, call => call.Number == stopAt ? fault : IoFault.None);

    /// <summary>Recovers and goes on as far as it comes; something happens to one call of a kind.</summary>
    public Task<int> RunAsync(MemoryFileSystem files, string kind, int number, IoFault fault)
    {
        var calls = 0;
        return RunAsync(
            files, stopAt: 0, call => call.Kind == kind && ++calls == number ? fault : IoFault.None);
    }

    /// <summary>Whatever of the pending the power failure left.</summary>
    public void CouldRecover(MemoryFileSystem files, string how)
    {
        using var store = TestStore.Open(files);
        _history.Check(store, $"{replay}, {how}");
    }

    private async Task<int> RunAsync(MemoryFileSystem files, int stopAt, Func<IoCall, IoFault> fault)
    {
        Files = files;
        files.Fault = fault;
        try
        {
            using var store = TestStore.Open(files);
            _history.Recovered(store, replay);
            var isAlive = true;
            for (var i = 0; i < Operations && isAlive; i++)
                isAlive = await OperateAsync(store);
        }
        catch (Exception failure) when (failure is IOException or DataDirectoryException)
        {
            Assert.True(files.Calls >= stopAt, $"{replay}: {failure}");
        }

        return files.Calls;
    }

    public async Task RecoverAsync(MemoryFileSystem files)
    {
        Files = files;
        using var store = TestStore.Open(files);
        _history.Recovered(store, replay);
        for (var i = 0; i < 3; i++)
            Assert.True(await OperateAsync(store), replay);
    }

    /// <summary>Whatever is missing or changed is noticed, or was not needed.</summary>
    public void RecoverOrRefuse(MemoryFileSystem files)
    {
        try
        {
            using var store = TestStore.Open(files);
            _history.Recovered(store, replay);
        }
        catch (Exception refused) when (refused is DataDamagedException or DataDirectoryException)
        {
            // said so, and left everything as it was
        }
    }

    private async Task<bool> OperateAsync(TestStore store)
    {
        if (_random.Next(6) == 0 && _history.NextCapture() is { } capture)
            store.Log.SaveSnapshot(capture.Partition, capture.Snapshot);
        var batch = new Persist[_random.Next(1, 4)];
        for (var i = 0; i < batch.Length; i++)
        {
            batch[i] = _history.NextPersist();
            if (batch[i].Snapshot is { } received)
                store.Log.SaveReceivedSnapshot(batch[i].Partition, received);
        }

        var isFlushed = await store.AppendAsync(batch);
        if (isFlushed)
            _history.Reported = _history.HandedOver;
        return isFlushed;
    }
}
