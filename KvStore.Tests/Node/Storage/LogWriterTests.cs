using KvStore.Node.Storage;

namespace KvStore.Tests.Node.Storage;

public sealed class LogWriterTests
{
    [Fact]
    public async Task What_was_appended_is_recovered()
    {
        var files = new MemoryFileSystem();
        using (var store = TestStore.Open(files))
        {
            Assert.Empty(store.Log.Recovered);
            Assert.True(await store.AppendAsync(TestStore.Vote(0, 1, 3, 2), TestStore.Entries(0, 2, 1, 5, term: 3)));
            var large = TestStore.Entries(7, 1, 1, 1, value: new string('x', 100_000));    // larger than a segment
            Assert.True(await store.AppendAsync(large));
            Assert.True(await store.AppendAsync(TestStore.Entries(0, 3, 4, 4, term: 4)));    // replaces 4 and 5
        }

        using var again = TestStore.Open(files);
        var first = again.Log.Recovered[new(0)].Replica;
        Assert.Equal([1, 2, 3, 4], first.Entries.Select(entry => entry.Index.Value));
        Assert.Equal([3, 3, 3, 4], first.Entries.Select(entry => entry.Term.Value));
        Assert.Equal(new(4), first.HardState.Term);
        var whole = again.Log.Recovered[new(7)].Replica.Entries.Single();
        Assert.Equal(TestStore.Entry(1, 1, new string('x', 100_000)).Payload.ToArray(), whole.Payload.ToArray());
    }

    [Fact]
    public async Task What_waits_during_a_flush_shares_the_next_one()
    {
        var files = new MemoryFileSystem();
        using var store = TestStore.Open(files);
        using var mayGoOn = new ManualResetEventSlim();
        var isReached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        files.Fault = call =>
        {
            if (call.Kind == "flush" && isReached.TrySetResult())
                mayGoOn.Wait();
            return IoFault.None;
        };
        var first = store.AppendAsync(TestStore.Entries(0, 1, 1, 1));
        await isReached.Task;
        var others = Enumerable.Range(1, 50)
            .Select(partition => store.AppendAsync(TestStore.Entries(partition, 1, 1, 1)))
            .ToList();
        mayGoOn.Set();
        Assert.True(await first);
        Assert.All(await Task.WhenAll(others), Assert.True);
        Assert.Equal(2, store.Log.Statistics.Flushes);
    }

    [Fact]
    public void Its_end_carries_out_what_waits_and_nothing_that_comes_later()
    {
        var files = new MemoryFileSystem();
        var reported = new List<int>();
        var store = TestStore.Open(files);
        for (var number = 1; number <= 100; number++)
        {
            var copy = number;
            var persist = TestStore.Entries(0, number, number, number);
            store.Log.Append(new PersistBatch([persist], () => reported.Add(copy)));
        }

        store.Dispose();
        Assert.Equal(Enumerable.Range(1, 100), reported);
        store.Log.Append(new PersistBatch([TestStore.Entries(0, 101, 101, 101)], () => reported.Add(101)));
        using var again = TestStore.Open(files);
        Assert.Equal(100, again.Log.Recovered[new(0)].Replica.Entries.Length);
        Assert.Equal(100, reported.Count);
    }

    [Fact]
    public async Task Nothing_is_reported_before_each_of_its_bytes_is_flushed()
    {
        var files = new MemoryFileSystem();
        var unflushed = new HashSet<(string Path, long Offset)>();
        var gate = new object();
        files.Done = (call, offset, length) =>
        {
            lock (gate)
            {
                if (call.Number == 0)
                    return;    // the next spare, in the background
                if (call.Kind == "flush")
                    unflushed.RemoveWhere(write => write.Path == call.Path);
                else if (length > WalFormat.FrameHeaderSize)    // all but seals, which say nothing
                    unflushed.Add((call.Path, offset));
            }
        };
        using var store = TestStore.Open(files);
        var reports = 0;
        for (var number = 1; number <= 200; number++)
        {
            var isFlushed = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
            store.Log.Append(new PersistBatch([TestStore.Entries(0, number, number, number)], () =>
            {
                lock (gate)
                    isFlushed.SetResult(unflushed.Count);
            }));
            Assert.Equal(0, await isFlushed.Task);
            reports++;
        }

        Assert.Equal(reports, store.Log.Statistics.Flushes);
        Assert.True(store.Log.Statistics.Segments > 3);
    }
}
