namespace KvStore.Node.Storage;

/// <summary>Tells a disk without room from one that fails: the first may have room again.</summary>
internal static class DiskFull
{
    private const int NoSpace = 28;
    private const int LinuxQuota = 122;
    private const int BsdQuota = 69;
    private const int WindowsDiskFull = unchecked((int)0x80070070);

    public static bool Is(Exception failure) => failure is IOException
        && (OperatingSystem.IsWindows()
            ? failure.HResult == WindowsDiskFull
            : failure.HResult == NoSpace || failure.HResult == (OperatingSystem.IsLinux() ? LinuxQuota : BsdQuota));
}
