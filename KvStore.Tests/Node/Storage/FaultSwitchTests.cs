using KvStore.Node.Storage;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Node.Storage;

public sealed class FaultSwitchTests
{
    private const string Path = "/disk/wal/wal-1.log";

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_numbered_fault_hits_that_call_of_its_kind_and_place_alone()
    {
        var faults = Of("flush@/wal-:2=EIO; write=ENOSPC");
        faults.Before("flush", Path);
        faults.Before("flush", "/disk/snapshots/p.snap");
        faults.Before("flush-folder", Path);
        var failure = Assert.Throws<IOException>(() => faults.Before("flush", Path));
        Assert.Contains($"flush of {Path} failed: Input/output error (5)", failure.Message);
        Assert.False(DiskFull.Is(failure));
        faults.Before("flush", Path);
        Assert.True(DiskFull.Is(Assert.Throws<IOException>(() => faults.Before("write", Path))));
        Assert.Equal("flush@/wal-:2=EIO; write=ENOSPC", faults.Text);
        faults.Set("");
        faults.Before("write", Path);
    }

    [Fact]
    public async Task A_slow_call_ends_with_its_time_or_when_the_fault_is_lifted()
    {
        var faults = Of("flush=slow:30s");
        var slow = Task.Run(() => faults.Before("flush", Path));
        while (!slow.IsCompleted)    // the call may not have begun to wait yet
        {
            _time.Advance(TimeSpan.FromSeconds(30));
            await Task.Yield();
        }

        var lifted = Task.Run(() => faults.Before("flush", Path));
        faults.Set("");
        await lifted.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData("flush")]
    [InlineData("flush=")]
    [InlineData("flush=slow")]
    [InlineData("flush=slow:3")]
    [InlineData("flush:x=EIO")]
    [InlineData("melt=EIO")]
    [InlineData("space=low")]
    [InlineData("space=stop")]
    [InlineData("mark=stop")]
    [InlineData("failpoint@nowhere=stop")]
    [InlineData("failpoint@ReadArrived=stop")]
    [InlineData("failpoint@read-arrived=EIO")]
    public void What_is_no_fault_is_refused(string text) => Assert.Throws<FormatException>(() => Of(text));

    private FaultSwitch Of(string text)
    {
        var faults = new FaultSwitch(_time);
        faults.Set(text);
        return faults;
    }
}
