namespace KvStore.Tests.Node.Api;

/// <summary>The time of this machine, shifted as far as a test wants; what waits is not hurried.</summary>
internal sealed class ShiftedTime : TimeProvider
{
    public TimeSpan Shift { get; set; }

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Shift;
}
