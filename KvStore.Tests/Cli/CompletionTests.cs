using System.Diagnostics;

namespace KvStore.Tests.Cli;

public sealed class CompletionTests
{
    [Theory]
    [InlineData("pu", "put")]
    [InlineData("bucket cre", "create")]
    [InlineData("get k --consistency ev", "eventual")]
    [InlineData("status --ou", "--output")]
    [InlineData("completion ", "--help", "-?", "-h", "/?", "/h", "bash", "fish", "pwsh", "zsh")]
    public async Task What_may_stand_at_the_end_of_a_line_is_suggested(string line, params string[] suggestions)
    {
        var terminal = new MemoryTerminal();

        Assert.Equal(0, await terminal.RunAsync($"[suggest:{line.Length}]", line));
        Assert.Equal(suggestions, terminal.Output.ReplaceLineEndings("\n").TrimEnd().Split('\n'));
    }

    [Theory]
    [InlineData("bash", "complete -o default -F _kv_complete kv")]
    [InlineData("zsh", "compdef _kv_complete kv")]
    [InlineData("fish", "complete -c kv -f -a '(__kv_complete)'")]
    [InlineData("pwsh", "Register-ArgumentCompleter -Native -CommandName kv")]
    public async Task A_script_for_each_shell_begins_with_how_to_use_it(string shell, string line)
    {
        var terminal = new MemoryTerminal();

        Assert.Equal(0, await terminal.RunAsync("completion", shell));
        Assert.Matches($"^# In .*: .*kv completion {shell}", terminal.Output);
        Assert.Contains(line, terminal.Output);
    }

    [Fact]
    public async Task Bash_completes_verbs_options_and_their_values()
    {
        Assert.SkipUnless(File.Exists("/bin/bash"), "There is no bash here.");
        const string script =
            """
            kv() { dotnet "$KV" "$@"; }
            eval "$(kv completion bash)"
            complete -p kv
            ask() {
                COMP_LINE=$1 COMP_POINT=${2:-${#1}}
                local before=${COMP_LINE:0:COMP_POINT}
                _kv_complete kv "${before##*[ =]}" ""
                echo "${COMPREPLY[*]}"
            }
            ask 'kv pu'
            ask 'kv  bucket d'
            ask 'kv get "a b" --cons'
            ask 'kv get k --consistency e'
            ask 'kv get k --consistency=e'
            ask 'kv pu k v' 5
            ask 'kv import --in '
            """;
        var start = new ProcessStartInfo("/bin/bash", ["--norc", "-c", script])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["KV"] = Path.Combine(AppContext.BaseDirectory, "kv.dll");
        using var bash = Process.Start(start)!;
        var errors = bash.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await bash.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await bash.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal("", await errors);
        Assert.Equal(
            [
                "complete -o default -F _kv_complete kv", "put", "drop", "--consistency", "eventual", "eventual", "put",
                "", "",
            ],
            output.Split('\n'));
    }
}
