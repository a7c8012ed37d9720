using KvStore.Contracts;
using KvStore.Node.Api;

namespace KvStore.Tests.Node.Api;

/// <summary>What clients keep for us comes back as it was, or is refused.</summary>
public sealed class ListTokenTests
{
    private static readonly ListCursor Cursor = new(0xFEDC_BA98_7654_3210, 42, 7, "app/x"u8.ToArray());

    [Theory]
    [InlineData(null)]
    [InlineData(0L)]
    [InlineData(long.MaxValue - 1)]
    public void A_cursor_comes_back_as_it_was(long? count)
    {
        var read = ListCursor.Parse((Cursor with { Count = count }).Format())!;
        Assert.Equal((Cursor.Snapshot, Cursor.Print, count), (read.Snapshot, read.Print, read.Count));
        Assert.True(Cursor.Position.Span.SequenceEqual(read.Position.Span));
    }

    [Fact]
    public void Whatever_is_changed_in_a_cursor_makes_it_none()
    {
        var text = Cursor.Format();
        for (var at = 0; at < text.Length; at++)
        {
            var other = text[at] == 'A' ? 'B' : 'A';
            Assert.Null(ListCursor.Parse(text[..at] + other + text[(at + 1)..]));
            Assert.Null(ListCursor.Parse(text[..at]));
        }

        Assert.Null(ListCursor.Parse(text + "AAAA"));
        Assert.Null(ListCursor.Parse(new string('A', 5000)));
        Assert.Null(ListCursor.Parse(PositionVector.Format(1, 1, [1])));
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(127UL)]
    [InlineData(128UL)]
    [InlineData((ulong)long.MaxValue)]
    public void A_number_takes_the_bytes_that_it_needs_and_no_more_than_nine_are_read(ulong number)
    {
        var bytes = new byte[IndexFormat.MaxBytes];
        ReadOnlySpan<byte> rest = bytes.AsSpan(0, IndexFormat.Write(number, bytes));
        Assert.True(IndexFormat.TryRead(ref rest, out var read));
        Assert.Equal((number, 0), (read, rest.Length));
        ReadOnlySpan<byte> endless = [.. Enumerable.Repeat((byte)0xFF, 11)];
        Assert.False(IndexFormat.TryRead(ref endless, out _));
    }
}
