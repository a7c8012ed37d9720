using System.Collections.Immutable;

namespace KvStore.Cli.Verbs;

/// <summary>
/// What makes shells complete <c>kv</c>. Each asks <c>kv</c> itself what may stand at the end of the line before the
/// cursor, by the directive <c>[suggest:length]</c>; without the first word, which may be a path or another name.
/// </summary>
internal static class CompletionScripts
{
    private const string Bash =
        """
        # In ~/.bashrc: eval "$(kv completion bash)"
        _kv_complete() {
            local line=${COMP_LINE:0:COMP_POINT} IFS=$'\n'
            line=${line#*"$1"} line=${line# }
            [[ $line =~ ^(.*--[a-z-]+)=([^[:space:]]*)$ ]] && line="${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
            COMPREPLY=($(compgen -W "$("$1" "[suggest:${#line}]" "$line" 2>/dev/null)" -- "$2"))
        }
        complete -o default -F _kv_complete kv
        """;

    private const string Zsh =
        """
        # In ~/.zshrc, behind compinit: eval "$(kv completion zsh)"
        _kv_complete() {
            local -a found
            local line="${(j: :)words[2,CURRENT]}"
            found=(${(f)"$("${words[1]}" "[suggest:${#line}]" "$line" 2>/dev/null)"})
            if (( ${#found} )); then
                compadd -- "${found[@]}"
            else
                _files
            fi
        }
        compdef _kv_complete kv
        """;

    private const string Fish =
        """
        # In ~/.config/fish/config.fish: kv completion fish | source
        function __kv_complete
            set -l line (string replace -r '^\s*\S+\s?' '' -- (commandline -cp | string collect))
            kv "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
        end
        complete -c kv -f -a '(__kv_complete)'
        complete -c kv -l in -r -F
        complete -c kv -l out -r -F
        complete -c kv -l data -r -F
        """;

    private const string Pwsh =
        """
        # In $PROFILE: kv completion pwsh | Out-String | Invoke-Expression
        Register-ArgumentCompleter -Native -CommandName kv -ScriptBlock {
            param($word, $command, $cursor)
            $first = $command.CommandElements[0].Extent
            $line = $command.Extent.Text.PadRight($cursor - $command.Extent.StartOffset)
            $line = $line.Substring(0, $cursor - $command.Extent.StartOffset)
            $line = $line.Substring([Math]::Min($first.Text.Length + 1, $line.Length))
            & $first.Text "[suggest:$($line.Length)]" $line 2>$null |
                Where-Object { $_ -like "$word*" } |
                ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
        }
        """;

    /// <summary>The scripts by the name of their shell.</summary>
    public static ImmutableSortedDictionary<string, string> All { get; } = ImmutableSortedDictionary.CreateRange(
        StringComparer.Ordinal,
        new Dictionary<string, string> { ["bash"] = Bash, ["fish"] = Fish, ["pwsh"] = Pwsh, ["zsh"] = Zsh });
}
