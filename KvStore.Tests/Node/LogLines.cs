using Microsoft.Extensions.Logging;

namespace KvStore.Tests.Node;

/// <summary>Keeps what one part of a node logs.</summary>
internal sealed class LogLines<T> : ILogger<T>
{
    public List<(LogLevel Level, string Text)> Lines { get; } = [];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter) => Lines.Add((logLevel, formatter(state, exception)));
}
