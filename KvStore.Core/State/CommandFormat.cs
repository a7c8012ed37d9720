namespace KvStore.Core.State;

/// <summary>The one place that knows a command's bytes; described in docs/formats.md.</summary>
public static class CommandFormat
{
    /// <summary>Encodes into one array of exactly the needed size.</summary>
    public static byte[] Encode(Command command) => throw new NotImplementedException();

    /// <summary>Decodes; keys and values are slices of <paramref name="payload"/>, not copies.</summary>
    /// <exception cref="InvalidDataException">The bytes are not a command; says why.</exception>
    public static Command Decode(ReadOnlyMemory<byte> payload) => throw new NotImplementedException();
}
