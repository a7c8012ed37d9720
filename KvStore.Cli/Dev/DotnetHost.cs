using System.Runtime.InteropServices;

namespace KvStore.Cli.Dev;

/// <summary>The <c>dotnet</c> that runs this program, to run the others with.</summary>
internal static class DotnetHost
{
    private const string Variable = "DOTNET_HOST_PATH";

    private static readonly string Name = OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet";

    /// <summary>What the variable names, which <c>dotnet</c> itself sets; else whatever this process runs on.</summary>
    /// <exception cref="FailureException">There is none.</exception>
    public static string Find(Func<string, string?> variable)
    {
        if (variable(Variable) is { Length: > 0 } named)
        {
            return File.Exists(named)
                ? named
                : throw new FailureException($"{Variable} names the dotnet host, and there is no file '{named}'.");
        }

        if (Path.GetFileName(Environment.ProcessPath) == Name)
            return Environment.ProcessPath!;
        // Inside shared/Microsoft.NETCore.App/{version} of the installation.
        var beside = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", Name));
        return File.Exists(beside)
            ? beside
            : throw new FailureException(
                $"No dotnet host was found at {beside}: install the .NET SDK, or let {Variable} name the host.");
    }
}
