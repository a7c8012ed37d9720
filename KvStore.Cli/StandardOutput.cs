using Microsoft.Win32.SafeHandles;

namespace KvStore.Cli;

/// <summary>Who read the standard output does so no more: nobody needs the rest, and it is not a failure.</summary>
internal sealed class OutputEndedException(Exception inner) : Exception("Nobody reads the output any more.", inner);

/// <summary>
/// Standard output that is a pipe or a file. The console's own stream takes no notice of a reader that has gone, and so
/// a verb would go on to the end for nobody; here it ends, as whatever the system ends with SIGPIPE. None of its
/// exceptions is one of those by which connections are known to fail.
/// </summary>
internal sealed class StandardOutput(Stream inner) : Stream
{
    private const int Handle = 1;
    private const int BrokenPipe = 32;    // EPIPE

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>The standard output of this process.</summary>
    public static Stream Open()
    {
        var console = Console.OpenStandardOutput();
        if (!Console.IsOutputRedirected)
            return console;
        if (OperatingSystem.IsWindows())
            return new StandardOutput(console);
        // A stream of its own, where it can be sought, would not move the place at which others write to the file.
        var pipe = new FileStream(new SafeFileHandle(Handle, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return new StandardOutput(pipe.CanSeek ? console : pipe);
    }

    /// <inheritdoc/>
    /// <exception cref="OutputEndedException">Nobody reads it.</exception>
    /// <exception cref="FailureException">It cannot be written.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            inner.Write(buffer);
        }
        catch (IOException failure)
        {
            throw WhatIsMeantBy(failure);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc cref="Write(ReadOnlySpan{byte})"/>
    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            await inner.WriteAsync(buffer, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException failure)
        {
            throw WhatIsMeantBy(failure);
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private static Exception WhatIsMeantBy(IOException failure) => failure.HResult == BrokenPipe
        ? new OutputEndedException(failure)
        : new FailureException($"Standard output cannot be written: {failure.Message}", inner: failure);
}
