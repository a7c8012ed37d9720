using System.Text;
using KvStore.Cli;

namespace KvStore.Tests.Cli;

/// <summary>A terminal, or a pipe, whose both ends the test holds.</summary>
internal sealed class MemoryTerminal : IDisposable
{
    private readonly MemoryStream _output = new();
    private readonly StringWriter _errors = new();

    /// <summary>What is read from standard input.</summary>
    public byte[] Input { get; init; } = [];

    /// <summary>Whether a person reads the output.</summary>
    public bool IsOutputTerminal { get; init; }

    /// <summary>The environment.</summary>
    public Dictionary<string, string> Variables { get; } = [];

    public byte[] OutputBytes => _output.ToArray();

    public string Output => Encoding.UTF8.GetString(OutputBytes);

    public string Errors => _errors.ToString();

    public void Dispose()
    {
        _output.Dispose();
        _errors.Dispose();
    }

    /// <summary>Runs a command line and gives its exit code.</summary>
    public Task<int> RunAsync(params string[] args) => CommandLine.RunAsync(args, Open());

    /// <summary>Itself, for what is no command line.</summary>
    public Terminal Open() => new()
    {
        Out = new StreamWriter(_output, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true },
        OutBytes = _output,
        Error = _errors,
        OpenInput = () => new MemoryStream(Input),
        IsInputTerminal = false,
        IsOutputTerminal = IsOutputTerminal,
        Variable = name => Variables.GetValueOrDefault(name),
    };
}
