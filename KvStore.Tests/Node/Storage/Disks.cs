using KvStore.Node.Storage;
using Xunit.Sdk;

namespace KvStore.Tests.Node.Storage;

/// <summary>The kinds of harm that are done to a disk, by name and seed.</summary>
internal static class Disks
{
    /// <summary>
    /// What was lost; null: nothing. The kinds are PowerLoss (four times, at any call), FailedCall (any, then the
    /// power), Damage (a byte of any file) and Lie (a write that did not come to its place on the disk).
    /// </summary>
    public static string? FailureOf(string kind, int seed)
    {
        try
        {
            FailAsync(kind, seed).GetAwaiter().GetResult();
            return null;
        }
        catch (Exception failure) when (failure is XunitException or DataDamagedException or DataDirectoryException)
        {
            return failure.Message;
        }
    }

    private static Task FailAsync(string kind, int seed) => kind switch
    {
        "PowerLoss" => LosePowerAsync(seed),
        "FailedCall" => FailCallAsync(seed),
        "Damage" => DamageAsync(seed),
        "Lie" => LieAsync(seed),
        _ => throw new ArgumentException($"No harm is called {kind}.", nameof(kind)),
    };

    private static async Task LosePowerAsync(int seed)
    {
        var random = new Random(seed);
        var life = new DiskLife(seed, $"seed {seed}");
        var files = new MemoryFileSystem();
        for (var crash = 0; crash < 4; crash++)
        {
            await life.RunAsync(files, stopAt: random.Next(1, crash == 0 ? 250 : 60));
            files = After(life.Files, random);
        }

        await life.RecoverAsync(files);
    }

    private static async Task FailCallAsync(int seed)
    {
        var random = new Random(seed);
        var life = new DiskLife(seed, $"seed {seed}");
        await life.RunAsync(new MemoryFileSystem(), stopAt: random.Next(1, 250), IoFault.Fails);
        await life.RecoverAsync(After(life.Files, random));
    }

    private static async Task DamageAsync(int seed)
    {
        var random = new Random(seed);
        var life = new DiskLife(seed, $"seed {seed}");
        await life.RunAsync(new MemoryFileSystem(), stopAt: int.MaxValue);
        var files = life.Files.AfterKill();
        var path = random.GetItems([.. files.AllFiles().Where(file => files.Bytes(file).Length > 0)], 1)[0];
        files.Damage(path, bytes =>
        {
            var used = bytes.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
            bytes[random.Next(Math.Max(used, 1))] ^= (byte)(1 << random.Next(8));
            return bytes;
        });
        life.RecoverOrRefuse(files);
    }

    private static async Task LieAsync(int seed)
    {
        var random = new Random(seed);
        var life = new DiskLife(seed, $"seed {seed}");
        var lie = random.Next(2) == 0 ? IoFault.IsLost : IoFault.IsMisdirected;
        await life.RunAsync(new MemoryFileSystem(), "write", random.Next(1, 150), lie);
        life.RecoverOrRefuse(life.Files.AfterPowerLoss(Leaves.Everything, random));
    }

    private static MemoryFileSystem After(MemoryFileSystem files, Random random) => random.Next(4) switch
    {
        0 => files.AfterKill(),
        1 => files.AfterPowerLoss(Leaves.Nothing, random),
        _ => files.AfterPowerLoss(Leaves.Some, random),
    };
}
