using System.Buffers;

namespace KvStore.Client.Transport;

/// <summary>Reads a value into the memory of whoever asked for it.</summary>
internal static class ValueReader
{
    /// <summary>
    /// Gives the whole value to the writer, or nothing of it: what was begun and cut off can be read again.
    /// </summary>
    /// <exception cref="IOException">It was cut off.</exception>
    public static async Task ReadIntoAsync(
        HttpContent content, IBufferWriter<byte> writer, CancellationToken cancellation)
    {
        if (content.Headers.ContentLength is not { } length)
        {
            writer.Write(await content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false));
            return;
        }

        if (length == 0)
            return;
        var value = writer.GetMemory(checked((int)length))[..(int)length];
        var stream = await content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
            await stream.ReadExactlyAsync(value, cancellation).ConfigureAwait(false);
        writer.Advance(value.Length);
    }
}
