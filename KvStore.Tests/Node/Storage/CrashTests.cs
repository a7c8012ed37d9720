using System.Collections.Concurrent;
using System.Globalization;

namespace KvStore.Tests.Node.Storage;

/// <summary>
/// The machine stops at any call: what was reported flushed is there, and nothing that nobody handed over.
/// </summary>
public sealed class CrashTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Power_lost_at_each_call_in_turn_loses_nothing_that_was_flushed(int seed)
    {
        var calls = await AtEachCallAsync(async call =>
        {
            var ran = 0;
            foreach (var leaves in Enum.GetValues<Leaves>())
            {
                var life = new DiskLife(seed, $"seed {seed}, call {call}, {leaves}");
                ran = await life.RunAsync(new MemoryFileSystem(), stopAt: call);
                await life.RecoverAsync(life.Files.AfterPowerLoss(leaves, new Random(call)));
            }

            return ran;
        });

        Assert.True(calls > 100, $"{calls} calls");
    }

    /// <summary>Every part where there are few, else so many at random; KVSTORE_CRASH_PARTS says how many.</summary>
    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    public async Task Whatever_part_of_the_pending_writes_a_power_failure_leaves_nothing_flushed_is_lost(int seed)
    {
        var setting = Environment.GetEnvironmentVariable("KVSTORE_CRASH_PARTS") ?? "8";
        var parts = int.Parse(setting, CultureInfo.InvariantCulture);
        ConcurrentBag<int> pendings = [];
        var calls = await AtEachCallAsync(async call =>
        {
            var life = new DiskLife(seed, $"seed {seed}, call {call}");
            var ran = await life.RunAsync(new MemoryFileSystem(), stopAt: call);
            var pending = life.Files.Pending;
            pendings.Add(pending);
            var random = new Random(call);
            var isEach = pending < 30 && 1 << pending <= parts;
            for (var part = 0; part < (isEach ? 1 << pending : parts); part++)
            {
                var left = part;
                var files = life.Files.AfterPowerLoss(() => isEach ? Next(ref left) : random.Next(2) == 0);
                life.CouldRecover(files, $"part {part} of {pending}");
            }

            return ran;
        });

        Assert.True(calls > 100, $"{calls} calls");
        Assert.True(pendings.Max() > 3, $"never more than {pendings.Max()} pending");

        static bool Next(ref int bits)
        {
            var isSet = (bits & 1) != 0;
            bits >>= 1;
            return isSet;
        }
    }

    [Fact]
    public async Task Power_lost_again_and_again_also_while_recovering_loses_nothing_that_was_flushed()
    {
        for (var seed = 1; seed <= 800; seed++)
        {
            var random = new Random(seed);
            var life = new DiskLife(seed, $"seed {seed}");
            var files = new MemoryFileSystem();
            for (var crash = 0; crash < 4; crash++)
            {
                await life.RunAsync(files, stopAt: random.Next(1, crash == 0 ? 250 : 60));
                files = random.Next(3) == 0 ? life.Files.AfterKill() : life.Files.AfterPowerLoss(Leaves.Some, random);
            }

            await life.RecoverAsync(files);
        }
    }

    [Theory]
    [InlineData("PowerLoss")]    // killed between the write and the flush
    [InlineData("Fails")]        // the flush failed, and the system takes the pages for clean from then on
    public async Task What_an_earlier_process_left_unflushed_is_flushed_before_anybody_is_told_of_it(string fault)
    {
        var files = new MemoryFileSystem();
        using (var store = TestStore.Open(files))
        {
            Assert.True(await store.AppendAsync(TestStore.Entries(0, 1, 1, 1)));
            files.Fault = call => call.Kind == "flush" ? Enum.Parse<IoFault>(fault) : IoFault.None;
            Assert.False(await store.AppendAsync(TestStore.Entries(0, 2, 2, 2)));
        }

        var next = files.AfterKill();
        string told;
        using (var store = TestStore.Open(next))
        {
            Assert.Equal(2, store.Log.Recovered.Values.Single().Replica.Entries.Length);
            told = store.Describe();
        }

        using var last = TestStore.Open(next.AfterPowerLoss(Leaves.Nothing, new Random(1)));
        Assert.Equal(told, last.Describe());
    }

    /// <summary>
    /// Lives that end at each call in turn, up to one that comes to its end before; gives how many calls that one made.
    /// Some beside each other: a life waits for threads more than it works.
    /// </summary>
    private static async Task<int> AtEachCallAsync(Func<int, Task<int>> liveAsync)
    {
        const int Beside = 6;
        var (last, whole) = (0, int.MaxValue);
        await Task.WhenAll(Enumerable.Range(0, Beside).Select(_ => Task.Run(async () =>
        {
            while (Volatile.Read(ref whole) == int.MaxValue)
            {
                var call = Interlocked.Increment(ref last);
                if (await liveAsync(call) is var ran && ran < call)
                    Volatile.Write(ref whole, ran);
            }
        })));
        return whole;
    }
}
