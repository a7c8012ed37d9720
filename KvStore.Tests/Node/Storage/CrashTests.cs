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
        var ran = 0;
        for (var call = 1; call <= ran + 1; call++)    // the last time to the end
        {
            foreach (var leaves in Enum.GetValues<Leaves>())
            {
                var life = new DiskLife(seed, $"seed {seed}, call {call}, {leaves}");
                ran = await life.RunAsync(new MemoryFileSystem(), stopAt: call);
                await life.RecoverAsync(life.Files.AfterPowerLoss(leaves, new Random(call)));
            }
        }

        Assert.True(ran > 100, $"{ran} calls");
    }

    /// <summary>Every part where there are few, else so many at random; KVSTORE_CRASH_PARTS says how many.</summary>
    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    public async Task Whatever_part_of_the_pending_writes_a_power_failure_leaves_nothing_flushed_is_lost(int seed)
    {
        var setting = Environment.GetEnvironmentVariable("KVSTORE_CRASH_PARTS") ?? "8";
        var parts = int.Parse(setting, CultureInfo.InvariantCulture);
        var (ran, most) = (0, 0);
        for (var call = 1; call <= ran + 1; call++)
        {
            var life = new DiskLife(seed, $"seed {seed}, call {call}");
            ran = await life.RunAsync(new MemoryFileSystem(), stopAt: call);
            var pending = life.Files.Pending;
            most = Math.Max(most, pending);
            var random = new Random(call);
            var isEach = pending < 30 && 1 << pending <= parts;
            for (var part = 0; part < (isEach ? 1 << pending : parts); part++)
            {
                var left = part;
                var files = life.Files.AfterPowerLoss(() => isEach ? Next(ref left) : random.Next(2) == 0);
                life.CouldRecover(files, $"part {part} of {pending}");
            }
        }

        Assert.True(ran > 100, $"{ran} calls");
        Assert.True(most > 3, $"never more than {most} pending");

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
}
